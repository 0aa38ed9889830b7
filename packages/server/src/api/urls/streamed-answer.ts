import { HTTP_INTEGRATION_RESPONSE, PRELUDE_END } from '@hearth/protocol';
import type { InvocationOutcome, ResponseHead, ResponseSink, ResponseSource } from '../../invoke/invocation.ts';
import { AnswerStream } from '../answer-stream.ts';
import { FAILED } from './answer.ts';
import type { UrlAnswer } from './answer.ts';
import { endOfPrelude, MAX_PRELUDE, readOutcome, readPrelude } from './response.ts';

/**
 * The answer of a URL with InvokeMode RESPONSE_STREAM: what the function streams, as it comes. What a function returns that
 * doesn't stream is answered as with BUFFERED. A failure after the first byte shows as an answer that breaks off.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
export class StreamedAnswer implements ResponseSink {
  readonly #answer: UrlAnswer;
  readonly #stream: AnswerStream;
  #state: 'waiting' | 'prelude' | 'body' | 'ended' = 'waiting';
  /** Of the prelude, as much as has come. */
  #prelude: Buffer = Buffer.alloc(0);

  constructor(answer: UrlAnswer) {
    this.#answer = answer;
    this.#stream = new AnswerStream(answer.response);
  }

  begin({ contentType }: ResponseHead, source: ResponseSource): void {
    this.#stream.follow(source);
    if (contentType === HTTP_INTEGRATION_RESPONSE) this.#state = 'prelude';
    else this.#begin({ status: 200, headers: ['content-type', contentType] });
  }

  write(bytes: Buffer): boolean {
    if (this.#state === 'body') return bytes.length === 0 ? this.#flushHead() : this.#stream.write(bytes);
    // What comes after an answer that could not be given is dropped.
    if (this.#state !== 'prelude') return true;
    this.#prelude = Buffer.concat([this.#prelude, bytes]);
    const end = endOfPrelude(this.#prelude);
    if (end < 0) {
      if (this.#prelude.length > MAX_PRELUDE) this.#refuse();
      return true;
    }
    const head = readPrelude(this.#prelude.subarray(0, end));
    if (head === undefined) this.#refuse();
    else this.#begin(head);
    // The first bytes of the body, or none: then the head leaves by itself.
    const rest = this.#prelude.subarray(end + PRELUDE_END);
    return this.write(rest);
  }

  whole(): void {
    if (this.#state === 'prelude') this.#refuse();
    else if (this.#state === 'body') this.#stream.end();
    this.#state = 'ended';
  }

  /** The invocation has ended. */
  finish(outcome: InvocationOutcome): void {
    if (this.#state === 'ended' || this.#stream.gone) return;
    if (this.#state === 'waiting') this.#answer.send(readOutcome(outcome) ?? FAILED);
    else if (this.#state === 'prelude') this.#refuse();
    // The client must not take what has come for the whole.
    else this.#answer.response.destroy();
  }

  #begin(head: { readonly status: number; readonly headers: readonly string[] }): void {
    this.#state = 'body';
    if (!this.#stream.gone && !this.#answer.begin(head)) this.#refuse();
  }

  #flushHead(): true {
    if (!this.#stream.gone) this.#answer.response.flushHeaders();
    return true;
  }

  #refuse(): void {
    this.#state = 'ended';
    if (!this.#stream.gone) this.#answer.send(FAILED);
  }
}
