import { Agent, request } from 'node:http';
import type { Target } from './load/target.ts';

export interface Answer {
  /** Milliseconds from sending to the last byte. */
  ms: number;
  status: number;
  body: string;
  requestId: string;
  /** `x-hearth-start-path`; empty from a peer. */
  startPath: string;
}

/** A keep-alive HTTP client for invocations that are looked at one by one. */
export class Client implements Disposable {
  readonly #agent: Agent;

  constructor(connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
  }

  /**
   * Sends the target's body and times the answer.
   *
   * @throws Error if the connection fails or the answer takes more than a minute
   */
  invoke(target: Target): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const start = performance.now();
      const outgoing = request(target.url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...target.headers, 'content-length': Buffer.byteLength(target.body) },
        signal: AbortSignal.timeout(60_000),
      });
      outgoing.once('error', (error) =>
        reject(new Error(`${target.name} did not answer: ${error.message}`, { cause: error })),
      );
      outgoing.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          resolve({
            ms: performance.now() - start,
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            requestId: String(response.headers['x-amzn-requestid'] ?? ''),
            startPath: String(response.headers['x-hearth-start-path'] ?? ''),
          });
        });
      });
      outgoing.end(target.body);
    });
  }

  /**
   * Invokes and holds the answer against the echo.
   *
   * @throws Error if it isn't the echo
   */
  async echo(target: Target): Promise<Answer> {
    const answer = await this.invoke(target);
    if (answer.status !== 200 || JSON.stringify(JSON.parse(answer.body)) !== target.body) {
      throw new Error(`${target.name} answered ${answer.status} ${answer.body.slice(0, 500)} instead of the echo`);
    }
    return answer;
  }

  /** Opens a connection, or uses one, without invoking anything. */
  get(url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { agent: this.#agent, signal: AbortSignal.timeout(60_000) });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => response.resume().once('end', resolve).once('error', reject));
      outgoing.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
