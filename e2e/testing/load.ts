import http from 'node:http';

/** What became of one request. */
export interface Outcome {
  /** HTTP status; undefined where the connection closed without an answer. */
  status: number | undefined;
  body: string;
  /** Type of a function's failure, as in the header. */
  functionError: string | undefined;
  startedAt: number;
  milliseconds: number;
}

/** A request that gets no answer for so long will get none. */
const LIMIT_MS = 60_000;

/**
 * Invokes a function again and again on several connections, until it is stopped; a failure makes it neither slower
 * nor stop.
 */
export class Load {
  readonly outcomes: Outcome[] = [];
  inFlight = 0;
  readonly #port: number;
  readonly #agent: http.Agent;
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(port: number, names: readonly string[], connections: number) {
    this.#port = port;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.#loops = Array.from({ length: connections }, (_, i) => this.#loop(names[i % names.length]!, i));
  }

  /** Resolves when the requests that are under way have ended. */
  async stop(): Promise<Outcome[]> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
    return this.outcomes;
  }

  async #loop(name: string, connection: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      this.inFlight++;
      const outcome = await this.#ask(name, JSON.stringify({ connection, i }));
      this.inFlight--;
      this.outcomes.push(outcome);
      // Nobody listens any more: there is nothing to learn from further requests.
      if (outcome.status === undefined) return;
    }
  }

  #ask(name: string, body: string): Promise<Outcome> {
    const startedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const ended = (status: number | undefined, text: string, functionError?: string): void =>
      resolve({ status, body: text, functionError, startedAt, milliseconds: performance.now() - startedAt });
    const request = http.request(
      {
        port: this.#port,
        host: '127.0.0.1',
        agent: this.#agent,
        method: 'POST',
        path: `/2015-03-31/functions/${name}/invocations`,
        timeout: LIMIT_MS,
      },
      (response) => {
        let text = '';
        response.on('data', (piece) => (text += piece));
        response.on('error', (error) => ended(undefined, error.message));
        response.on('end', () => ended(response.statusCode, text, response.headers['x-amz-function-error'] as string));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => ended(undefined, error.message));
    request.end(body);
    return promise;
  }
}
