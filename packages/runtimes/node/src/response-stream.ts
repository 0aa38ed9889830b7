import { Writable } from 'node:stream';
import { INITIAL_CREDIT, INLINE_BODY, Kind, MAX_CONTENT_TYPE } from '@hearth/protocol';
import type { Connection } from './connection.ts';
import { InvalidStreamingOperationError } from './runtime-errors.ts';

type Written = (error?: Error | null) => void;

/**
 * The second argument of a handler that streams. What is written leaves at once while the server grants credit for it;
 * then it waits here, and `write` and `drain` tell the function as with any writable stream.
 *
 * Once its invocation has ended, what is still written is dropped, as nobody is there to get it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html and AWS's runtime interface client.
 */
export class ResponseStream extends Writable {
  /** Called before the first byte is sent, with a function that sends something before it. `HttpResponseStream.from` sets it. */
  _onBeforeFirstWrite: ((write: (bytes: string | Uint8Array) => void) => void) | undefined;
  readonly #connection: Pick<Connection, 'sendText' | 'sendBytes'>;
  readonly #id: number;
  #contentType = 'application/octet-stream';
  #writeCalled = false;
  #begun = false;
  #open = true;
  #credit = INITIAL_CREDIT;
  /** Waits for credit. */
  #rest: Uint8Array | undefined;
  #written: Written | undefined;

  /** @param id of the invocation's frames. */
  constructor(
    connection: Pick<Connection, 'sendText' | 'sendBytes'>,
    id: number,
    options: { highWaterMark?: number } = {},
  ) {
    super(options);
    this.#connection = connection;
    this.#id = id;
    // It fails its invocation (see `failure`), not the process, whether or not the function listens.
    this.on('error', () => {});
  }

  /** @throws InvalidStreamingOperationError after the first write, TypeError for what no header may hold. */
  setContentType(contentType: string | number): void {
    if (this.#writeCalled) throw new InvalidStreamingOperationError('Cannot set content-type, too late.');
    // Only here: loading it takes a runtime that starts anew twice as long. Node takes a number, too.
    process.getBuiltinModule('node:http').validateHeaderValue('Content-Type', contentType as string);
    const text = String(contentType);
    if (text.length > MAX_CONTENT_TYPE) {
      throw new InvalidStreamingOperationError(`A content-type may have ${MAX_CONTENT_TYPE} characters at most.`);
    }
    this.#contentType = text;
  }

  /** Takes strings and bytes as any stream does, and the JSON of anything else. */
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    const write = super.write as (...parameters: unknown[]) => boolean;
    const taken = write.call(this, writable(chunk), ...rest);
    this.#writeCalled = true;
    return taken;
  }

  override end(chunk?: unknown, ...rest: unknown[]): this {
    const end = super.end as (...parameters: unknown[]) => this;
    const absent = chunk === undefined || chunk === null || typeof chunk === 'function';
    end.call(this, absent ? chunk : writable(chunk), ...rest);
    this.#writeCalled = true;
    return this;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, written: Written): void {
    if (!this.#open) written();
    else if (this.#begun) this.#send(chunk, written);
    else this.#begin(chunk, written);
  }

  override _final(written: Written): void {
    const finish: Written = (error) => {
      if (this.#open && !error) this.#connection.sendText(Kind.whole, this.#id, '');
      written(error);
    };
    // What comes before the first byte comes without one too.
    if (this.#open && !this.#begun) this.#begin(new Uint8Array(), finish);
    else finish();
  }

  /** More bytes may be sent, if `id` is this stream's. */
  grant(id: number, bytes: number): void {
    if (id !== this.#id) return;
    this.#credit += bytes;
    if (this.#rest !== undefined) this.#pump();
  }

  /** Why its invocation has failed although its handler has not; call it when the stream is closed. */
  failure(): Error | undefined {
    if (this.writableFinished) return undefined;
    return this.errored ?? new Error('Response stream is not finished.');
  }

  /** Its invocation has ended: nothing of it may be sent any more. */
  detach(): void {
    this.#open = false;
    this.#settle();
  }

  /** Sends the head, what comes before the first bytes, and those. */
  #begin(first: Uint8Array, written: Written): void {
    let bytes = first;
    try {
      const before: Uint8Array[] = [];
      this._onBeforeFirstWrite?.((part) => before.push(Buffer.from(part as Uint8Array)));
      if (before.length > 0) bytes = Buffer.concat([...before, first]);
    } catch (error) {
      // Function code's: it fails the stream, and so the invocation.
      return written(error as Error);
    }
    this.#begun = true;
    this.#connection.sendText(Kind.head, this.#id, this.#contentType);
    this.#send(bytes, written);
  }

  #send(bytes: Uint8Array, written: Written): void {
    this.#rest = bytes;
    this.#written = written;
    this.#pump();
  }

  #pump(): void {
    const bytes = this.#rest!;
    let sent = 0;
    while (sent < bytes.length) {
      const length = Math.min(INLINE_BODY, this.#credit, bytes.length - sent);
      if (length === 0) {
        this.#rest = bytes.subarray(sent);
        return;
      }
      this.#connection.sendBytes(Kind.chunk, this.#id, bytes, sent, sent + length);
      sent += length;
      this.#credit -= length;
    }
    this.#settle();
  }

  #settle(): void {
    const written = this.#written;
    this.#rest = undefined;
    this.#written = undefined;
    written?.();
  }
}

function writable(chunk: unknown): unknown {
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
}
