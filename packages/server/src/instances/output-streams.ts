import type { Duplex } from 'node:stream';
import { afterPending } from './after-pending.ts';
import type { Clock } from './clock.ts';

/**
 * What sandboxes' processes write to their descriptors 1 and 2 comes on a stream of its own for each sandbox, in no certain order with what
 * its agent says. Its end is what tells that all has come.
 */
export class OutputStreams {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #onBytes: (connection: string, bytes: Buffer) => void;
  readonly #open = new Map<string, Duplex>();

  /** @param patienceMs how long the end of a dead sandbox's stream may take, that somebody else may be holding open. */
  constructor(clock: Clock, patienceMs: number, onBytes: (connection: string, bytes: Buffer) => void) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#onBytes = onBytes;
  }

  /** @param bytes valid until `onBytes` returns. */
  add(connection: string, stream: Duplex): void {
    this.#open.set(connection, stream);
    stream.once('close', () => this.#open.delete(connection));
    stream.on('data', (bytes: Buffer) => this.#onBytes(connection, bytes));
    stream.resume();
  }

  /** Calls back when the stream has ended, or nobody believes any more that it will. */
  afterLast(connection: string, then: () => void): void {
    const stream = this.#open.get(connection);
    if (stream === undefined) return afterPending(then);
    const timer = this.#clock.setTimer(this.#patienceMs, () => stream.destroy());
    stream.once('close', () => {
      timer.cancel();
      then();
    });
  }
}
