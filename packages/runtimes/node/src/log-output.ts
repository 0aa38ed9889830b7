import { INLINE_BODY, Kind } from '@hearth/protocol';
import type { Connection } from './connection.ts';

const NEWLINE = 0x0a;

/** What log lines show before the first invocation, as AWS's runtime has it. */
const NO_REQUEST = '-';

/**
 * Where all that the function prints goes: `log` frames, sent at once and in order. Text is in whole lines; a line
 * too long for a frame is cut into several lines, as CloudWatch does with events over 256 KB.
 */
export class LogOutput {
  /** Id of the invocation that runs, or ran last; one invocation runs at a time, so this needs no async context. */
  requestId: string | undefined = NO_REQUEST;
  /** Whom it is for, where the function has tenants. */
  tenantId: string | undefined;
  /** Stream id of the invocation that runs, else 0. */
  stream = 0;
  readonly #connection: Pick<Connection, 'sendText' | 'sendBytes'>;

  constructor(connection: Pick<Connection, 'sendText' | 'sendBytes'>) {
    this.#connection = connection;
  }

  /** @param text whole lines. */
  writeText(text: string): void {
    if (!this.#connection.sendText(Kind.log, this.stream, text)) this.writeBytes(Buffer.from(text));
  }

  /** @param bytes whole lines. */
  writeBytes(bytes: Buffer): void {
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(bytes.length, start + INLINE_BODY);
      if (end === bytes.length) {
        this.#connection.sendBytes(Kind.log, this.stream, bytes, start, end);
        return;
      }
      const newline = bytes.lastIndexOf(NEWLINE, end - 1);
      start = newline < start ? this.#writeCut(bytes, start, end - 1) : this.#writeLines(bytes, start, newline + 1);
    }
  }

  #writeLines(bytes: Buffer, start: number, end: number): number {
    this.#connection.sendBytes(Kind.log, this.stream, bytes, start, end);
    return end;
  }

  /** Sends the beginning of a line that is too long, as a line of its own that ends between two characters. */
  #writeCut(bytes: Buffer, start: number, limit: number): number {
    let end = limit;
    while (end > limit - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
    const piece = Buffer.allocUnsafe(end - start + 1);
    bytes.copy(piece, 0, start, end);
    piece[end - start] = NEWLINE;
    this.#connection.sendBytes(Kind.log, this.stream, piece);
    return end;
  }
}
