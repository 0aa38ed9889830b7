import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Recovery } from './recovery.ts';

/** A function that is called all the time. */
export interface Called {
  readonly account: string;
  readonly name: string;
}

/** How a caller fared. */
export type Fate =
  /** The function's own answer. */
  | 'answered'
  /** Another error of the function's: its process ended, it timed out. */
  | 'failed'
  /** An error of the service's, as HTTP: 429, 500, 502, 503. */
  | 'refused'
  /** The connection ended without an answer. */
  | 'reset'
  /** Nothing came for a minute, or an answer that isn't the function's. */
  | 'wronged';

/** A request that is under way, and later what became of it. */
export interface Call {
  readonly called: Called;
  readonly startedAt: number;
  fate: Fate | undefined;
  endedAt: number;
  /** For whoever looks into it. */
  text: string;
}

/** A request that gets no answer for so long will get none. */
const LIMIT_MS = 60_000;
/** Between two requests of one caller, so that the machine is busy and not drowned. */
const PAUSE_MS = 4;
/** While nobody listens. */
const RETRY_MS = 50;

/**
 * Calls functions one after the other on several connections each, until it is stopped, whatever happens to the server
 * meanwhile. Every answer is held against what was asked.
 */
export class Callers {
  /** Requests that are under way. */
  readonly inFlight = new Set<Call>();
  readonly fates: Record<Fate, number> = { answered: 0, failed: 0, refused: 0, reset: 0, wronged: 0 };
  readonly resets: Call[] = [];
  /** What the service refused requests with, and how often. */
  readonly refusals = new Map<string, number>();
  /** The first calls that were wronged. */
  readonly wronged: Call[] = [];
  readonly #recoveries = new Set<Recovery>();
  readonly #functions: readonly Called[];
  readonly #port: () => number;
  readonly #agent: http.Agent;
  readonly #loops: Promise<void>[];
  #stopped = false;

  /**
   * @param port where the server listens now; it may change.
   * @param connections for each function.
   */
  constructor(port: () => number, functions: readonly Called[], connections: number) {
    this.#port = port;
    this.#functions = functions;
    this.#agent = new http.Agent({ keepAlive: true });
    this.#loops = functions.flatMap((called) => Array.from({ length: connections }, (_, i) => this.#loop(called, i)));
  }

  /** From now on until every function has answered. */
  recovery(): Recovery {
    const recovery = new Recovery(this.#functions);
    this.#recoveries.add(recovery);
    return recovery;
  }

  /** Resolves when the requests that are under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(called: Called, connection: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const call: Call = { called, startedAt: performance.now(), fate: undefined, endedAt: Infinity, text: '' };
      this.inFlight.add(call);
      const fate = await this.#ask(call, JSON.stringify({ connection, i }));
      this.inFlight.delete(call);
      if (fate === undefined) {
        await pause(RETRY_MS);
        continue;
      }
      call.fate = fate;
      call.endedAt = performance.now();
      this.#note(call, fate);
      await pause(PAUSE_MS);
    }
  }

  #note(call: Call, fate: Fate): void {
    this.fates[fate]++;
    if (fate === 'reset') this.resets.push(call);
    if (fate === 'refused') {
      const kind = call.text.replaceAll(/\b[si]-[0-9a-f]{12}\b|[0-9a-f-]{36}/g, '...');
      this.refusals.set(kind, (this.refusals.get(kind) ?? 0) + 1);
    }
    if (fate === 'wronged' && this.wronged.length < 10) this.wronged.push(call);
    if (fate !== 'answered') return;
    for (const recovery of this.#recoveries) {
      if (recovery.answered(call.called, call.startedAt)) this.#recoveries.delete(recovery);
    }
  }

  /** @returns undefined where nobody listened: then nothing was asked. */
  #ask(call: Call, body: string): Promise<Fate | undefined> {
    const { promise, resolve } = Promise.withResolvers<Fate | undefined>();
    const { account, name } = call.called;
    const request = http.request(
      {
        port: this.#port(),
        host: '127.0.0.1',
        agent: this.#agent,
        method: 'POST',
        path: `/2015-03-31/functions/${name}/invocations`,
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=${account}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0`,
        },
        timeout: LIMIT_MS,
      },
      (response) => {
        let text = '';
        response.on('data', (piece) => (text += piece));
        response.on('error', () => resolve('reset'));
        response.on('end', () => {
          call.text = `${response.statusCode} ${text}`;
          resolve(judge(response, text, body));
        });
      },
    );
    request.on('timeout', () => {
      call.text = 'no answer';
      resolve('wronged');
      request.destroy();
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      call.text ||= error.message;
      // A connection that was kept may have been closed before this request came: then it is as if nobody had listened.
      resolve(error.code === 'ECONNREFUSED' ? undefined : 'reset');
    });
    request.end(body);
    return promise;
  }
}

function judge({ statusCode = 0, headers }: http.IncomingMessage, text: string, asked: string): Fate {
  if (statusCode === 200) {
    if (headers['x-amz-function-error'] === undefined) return text === asked ? 'answered' : 'wronged';
    return /"errorType":"(Runtime\.\w+|Sandbox\.Timedout)"/.test(text) ? 'failed' : 'wronged';
  }
  return [429, 500, 502, 503].includes(statusCode) && text.includes('essage') ? 'refused' : 'wronged';
}
