import { INITIAL_CREDIT, Kind } from '@hearth/protocol';
import type { InvokeMeta } from '@hearth/protocol';
import type { Connection } from './connection.ts';

/** Granting in halves keeps the sender busy without a credit frame for each chunk. */
const GRANT_BYTES = INITIAL_CREDIT / 2;

/** Puts an event together that is too long for its `invoke` frame. */
export class EventReceiver {
  readonly stream: number;
  readonly meta: InvokeMeta;
  readonly #connection: Pick<Connection, 'sendBytes'>;
  readonly #event: Buffer;
  #received: number;
  #ungranted = 0;

  constructor(connection: Pick<Connection, 'sendBytes'>, stream: number, meta: InvokeMeta, first: Buffer) {
    this.#connection = connection;
    this.stream = stream;
    this.meta = meta;
    this.#event = Buffer.allocUnsafeSlow(meta.length);
    this.#received = first.copy(this.#event);
  }

  /** Takes the next part; returns the event once it is whole. */
  push(part: Buffer): Buffer | undefined {
    if (part.length > this.#event.length - this.#received) {
      throw new Error(`the event is longer than the ${this.#event.length} bytes announced`);
    }
    this.#received += part.copy(this.#event, this.#received);
    if (this.#received === this.#event.length) return this.#event;
    this.#ungranted += part.length;
    if (this.#ungranted >= GRANT_BYTES) {
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32LE(this.#ungranted);
      this.#connection.sendBytes(Kind.credit, this.stream, bytes);
      this.#ungranted = 0;
    }
    return undefined;
  }
}
