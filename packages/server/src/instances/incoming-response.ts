import { FrameError, INITIAL_CREDIT, MAX_CONTENT_TYPE } from '@hearth/protocol';
import { ResponseBody } from './response-body.ts';

/** AWS's limit for a synchronous response (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html) and its allowance. */
export const MAX_RESPONSE = 6 * 1024 * 1024 + 100;

/** What has been collected is granted anew in portions of this. */
const GRANT = INITIAL_CREDIT / 2;
/** What Node lets into a header, for which a content type is meant. */
const CONTENT_TYPE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NOTHING = Buffer.alloc(0);

/** Whoever waits for the response. */
export interface ResponseListener {
  /**
   * It will be streamed.
   *
   * @param contentType fit for a header.
   * @param grant lets so many more bytes come than the first {@link INITIAL_CREDIT}; nothing after the invocation's end.
   * @returns whether it takes the parts; if not, they are collected as those of any response are.
   */
  onHead(contentType: string, grant: (bytes: number) => void): boolean;
  /** Part of a streamed response; valid until the call returns. */
  onPart(bytes: Buffer): void;
  /** The streamed response is whole; the invocation may go on. */
  onWhole(): void;
}

/**
 * The response of the invocation that runs, as it comes: in the frame that ends the invocation, in parts that are collected,
 * or streamed, where the parts are passed on. A sandbox has one of these, used again for each invocation.
 *
 * Throws FrameError on what comes in another order, or is more than was granted.
 */
export class IncomingResponse {
  /** Tells the sandbox. */
  readonly #credit: (bytes: number) => void;
  /** Bytes that may come. */
  #allowance = INITIAL_CREDIT;
  #body: ResponseBody | undefined;
  #ungranted = 0;
  /** How far it is if it is streamed. */
  #streaming: 'no' | 'open' | 'whole' = 'no';
  /** Whether the listener takes its parts. */
  #passedOn = false;

  constructor(credit: (bytes: number) => void) {
    this.#credit = credit;
  }

  /** The next invocation begins. */
  reset(): void {
    this.#allowance = INITIAL_CREDIT;
    this.#body = undefined;
    this.#ungranted = 0;
    this.#streaming = 'no';
    this.#passedOn = false;
  }

  /** @param grant see {@link ResponseListener.onHead}. */
  head(contentType: string, listener: ResponseListener, grant: (bytes: number) => void): void {
    if (this.#streaming !== 'no' || this.#body !== undefined) throw new FrameError('a response that begins twice');
    if (contentType.length > MAX_CONTENT_TYPE || !CONTENT_TYPE.test(contentType))
      throw new FrameError('a content type that is none');
    this.#streaming = 'open';
    this.#passedOn = listener.onHead(contentType, grant);
  }

  chunk(part: Buffer, listener: ResponseListener): void {
    if (this.#streaming === 'whole') throw new FrameError('more of a response that was whole');
    this.#allowance -= part.length;
    if (this.#allowance < 0) throw new FrameError('more of a response than was granted');
    if (this.#passedOn) return listener.onPart(part);
    // A response that is too large is read to its end and dropped: the sandbox stays usable, as on AWS.
    this.#body ??= new ResponseBody(MAX_RESPONSE);
    this.#body.add(part);
    this.#ungranted += part.length;
    if (this.#ungranted < GRANT) return;
    this.grant(this.#ungranted);
    this.#ungranted = 0;
  }

  grant(bytes: number): void {
    this.#allowance += bytes;
    this.#credit(bytes);
  }

  whole(listener: ResponseListener): void {
    if (this.#streaming !== 'open') throw new FrameError('the end of a streamed response that has not begun');
    this.#streaming = 'whole';
    listener.onWhole();
  }

  /**
   * The invocation has ended well.
   *
   * @param last the rest of a response that is not streamed; all of it, where nothing came before.
   * @returns the response, empty where its parts were passed on; undefined where it is larger than {@link MAX_RESPONSE}.
   */
  end(last: Buffer): Buffer | undefined {
    if (this.#streaming === 'open') throw new FrameError('the end of an invocation in the midst of its response');
    if (this.#streaming === 'whole' && last.length > 0) throw new FrameError('more of a response that was whole');
    if (this.#passedOn) return NOTHING;
    const body = this.#body;
    // In one frame it can't be too large.
    if (body === undefined) return Buffer.from(last);
    body.add(last);
    return body.whole();
  }
}
