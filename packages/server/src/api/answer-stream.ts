import type { ServerResponse } from 'node:http';
import type { ResponseSource } from '../invoke/invocation.ts';
import { giveUpUnread } from './answers.ts';

/**
 * An answer whose body comes from a function as it is made. A client that reads slowly holds the function back; one that has
 * gone away doesn't, and what comes then is dropped. The head is the owner's to write before the first byte.
 */
export class AnswerStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Whether the client has gone away. */
  get gone(): boolean {
    return this.#response.destroyed;
  }

  /** From now on the source is told when there is room. */
  follow(source: ResponseSource): void {
    const resume = () => source.resume();
    this.#response.on('drain', resume);
    this.#response.on('close', resume);
  }

  /** @returns false where the client has enough to read for now. */
  write(bytes: Uint8Array): boolean {
    return this.gone || this.#response.write(bytes);
  }

  /** All has been written. What a client leaves unread is given up after a while. */
  end(): void {
    if (this.gone) return;
    giveUpUnread(this.#response);
    this.#response.end();
  }
}
