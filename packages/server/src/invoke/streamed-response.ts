import { INITIAL_CREDIT } from '@hearth/protocol';
import type { ResponseHead, ResponseSink, ResponseSource } from './invocation.ts';

/**
 * Bytes of a streamed response: 200 MB, of which AWS's tables say "default".
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
export const MAX_STREAMED_RESPONSE = 200 * 1024 * 1024;

/** What a sink has taken is granted anew in portions of this: a function that writes little costs no frame for each write. */
const GRANT = INITIAL_CREDIT / 2;

/**
 * A streamed response on its way from a sandbox to its sink.
 *
 * Parts that come in one read go on as one, whoever cut them so small, and while the sink has enough they wait in one piece
 * of memory: so what is held is never more than the function was granted, which is granted anew only as the sink takes it.
 * What goes over {@link MAX_STREAMED_RESPONSE} is dropped; the sink then never hears that the response is whole.
 */
export class StreamedResponse implements ResponseSource {
  readonly #sink: ResponseSink;
  readonly #grant: (bytes: number) => void;
  /** What has come and not gone on: the first so many bytes of it. */
  #held: Buffer | undefined;
  #length = 0;
  #flushing = false;
  /** The sink has enough. */
  #full = false;
  #ungranted = 0;
  #total = 0;

  /** @param grant lets so many more bytes come than the first {@link INITIAL_CREDIT}. */
  constructor(sink: ResponseSink, head: ResponseHead, grant: (bytes: number) => void) {
    this.#sink = sink;
    this.#grant = grant;
    sink.begin(head, this);
  }

  /** Bytes that the function has written. */
  get total(): number {
    return this.#total;
  }

  get tooLarge(): boolean {
    return this.#total > MAX_STREAMED_RESPONSE;
  }

  /** @param part valid until the call returns. */
  add(part: Buffer): void {
    const room = Math.max(0, MAX_STREAMED_RESPONSE - this.#total);
    this.#total += part.length;
    if (part.length > room) {
      this.#granted(part.length - room);
      part = part.subarray(0, room);
    }
    if (part.length === 0) return;
    this.#hold(part);
    if (this.#full || this.#flushing) return;
    this.#flushing = true;
    // When all that has been read is taken apart.
    queueMicrotask(this.#flush);
  }

  resume(): void {
    this.#full = false;
    this.#flush();
    this.#granted(0);
  }

  /** The function has written all of it. */
  whole(): void {
    this.end();
    if (!this.tooLarge) this.#sink.whole();
  }

  /** Nothing more will come: what has come goes on, whether or not the sink has enough. */
  end(): void {
    this.#full = false;
    this.#flush();
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    const held = this.#held;
    if (held === undefined || this.#full) return;
    const bytes = held.subarray(0, this.#length);
    this.#held = undefined;
    this.#length = 0;
    // Before: it may be resumed inside the call.
    this.#full = true;
    if (this.#sink.write(bytes)) this.#full = false;
    this.#granted(bytes.length);
  };

  #granted(bytes: number): void {
    this.#ungranted += bytes;
    if (this.#full || this.#ungranted < GRANT) return;
    this.#grant(this.#ungranted);
    this.#ungranted = 0;
  }

  #hold(part: Buffer): void {
    const length = this.#length + part.length;
    if (this.#held === undefined) this.#held = Buffer.from(part);
    else {
      if (this.#held.length < length) {
        const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#held.length));
        this.#held.copy(larger, 0, 0, this.#length);
        this.#held = larger;
      }
      part.copy(this.#held, this.#length);
    }
    this.#length = length;
  }
}
