/** A closed loop that remembers of each request when it was sent, how long it took, and which edition of the function answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Target } from './target.ts';

/** Milliseconds by the machine's monotonic clock, which all processes share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface EditionRequest {
  readonly sentAt: number;
  readonly ms: number;
  /** The number that the function answered with; -1 where the answer was anything else. */
  readonly edition: number;
}

/** Numbers for each request in the generator's output. */
const FIELDS = 3;

/** Runs until it is stopped, in a process of its own. */
export class EditionLoop implements AsyncDisposable {
  readonly #process;
  readonly #output: Promise<Buffer>;

  constructor(target: Target, connections: number) {
    const program = join(import.meta.dirname, 'edition-generator.ts');
    const args = ['--max-semi-space-size=64', program, JSON.stringify({ target, connections })];
    this.#process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#output = buffer(this.#process.stdout);
  }

  /**
   * Ends it. @returns all its requests, in the order of their answers.
   *
   * @throws Error where a connection was closed
   */
  async stop(): Promise<EditionRequest[]> {
    const exit = once(this.#process, 'exit');
    this.#process.stdin.end();
    const bytes = await this.#output;
    const [code] = (await exit) as [number | null];
    if (code !== 0) throw new Error(`the load generator ended with ${String(code)}`);
    const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return Array.from({ length: numbers.length / FIELDS }, (_, index) => {
      const [sentAt = 0, ms = 0, edition = -1] = numbers.subarray(index * FIELDS, index * FIELDS + FIELDS);
      return { sentAt, ms, edition };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGKILL');
  }
}
