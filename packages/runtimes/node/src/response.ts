import { INITIAL_CREDIT, INLINE_BODY, Kind } from '@hearth/protocol';
import type { Connection } from './connection.ts';

/**
 * Sends one response at a time: inside `end` where it fits, else as chunks within the credit that the server grants,
 * the last part in `end`.
 */
export class ResponseSender {
  readonly #connection: Pick<Connection, 'sendText' | 'sendBytes'>;
  #stream = 0;
  #kind: typeof Kind.end | typeof Kind.computed = Kind.end;
  #body: Buffer | undefined;
  #sent = 0;
  #credit = 0;
  #done: (() => void) | undefined;

  constructor(connection: Pick<Connection, 'sendText' | 'sendBytes'>) {
    this.#connection = connection;
  }

  /**
   * @param computed whether the invocation has waited for nothing but a processor.
   * @param done called once all is sent; at once, where no credit is needed.
   */
  send(stream: number, body: string, computed: boolean, done: () => void): void {
    const kind = computed ? Kind.computed : Kind.end;
    if (this.#connection.sendText(kind, stream, body)) return done();
    this.#kind = kind;
    this.#stream = stream;
    this.#body = Buffer.from(body);
    this.#sent = 0;
    this.#credit = INITIAL_CREDIT;
    this.#done = done;
    this.#pump();
  }

  /** More chunk bytes may be sent for `stream`. */
  grant(stream: number, bytes: number): void {
    if (this.#body === undefined || stream !== this.#stream) return;
    this.#credit += bytes;
    this.#pump();
  }

  #pump(): void {
    const body = this.#body!;
    while (body.length - this.#sent > INLINE_BODY) {
      const length = Math.min(INLINE_BODY, this.#credit, body.length - this.#sent - INLINE_BODY);
      if (length === 0) return;
      this.#connection.sendBytes(Kind.chunk, this.#stream, body, this.#sent, this.#sent + length);
      this.#sent += length;
      this.#credit -= length;
    }
    const done = this.#done!;
    this.#body = undefined;
    this.#done = undefined;
    this.#connection.sendBytes(this.#kind, this.#stream, body, this.#sent);
    done();
  }
}
