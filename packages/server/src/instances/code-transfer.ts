import type { Readable } from 'node:stream';
import { encodeFrame, encodeJson, INITIAL_CREDIT, Kind } from '@hearth/protocol';

/** Where the zip files are. */
export interface CodeSource {
  /** The zip with this hash, if a function of this account has it; undefined otherwise. */
  open(account: string, sha256: string): Readable | undefined;
}

const CHUNK = 64 * 1024;

/** Sends one zip to an agent as chunks, never more than it has granted, then `end`; or `error` with a message. */
export class CodeTransfer implements Disposable {
  readonly #stream: number;
  readonly #source: Readable;
  readonly #write: (frame: Buffer) => void;
  readonly #onDone: () => void;
  #credit = INITIAL_CREDIT;
  #ended = false;

  constructor(stream: number, source: Readable, write: (frame: Buffer) => void, onDone: () => void) {
    this.#stream = stream;
    this.#source = source;
    this.#write = write;
    this.#onDone = onDone;
    source.on('readable', () => this.#pump());
    source.on('end', () => this.#finish(encodeFrame(Kind.end, stream)));
    source.on('error', (error) => this.#finish(transferError(stream, `the code can't be read: ${error.message}`)));
  }

  /** The agent can take this many bytes more. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#pump();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#source.destroy();
  }

  #pump(): void {
    while (!this.#ended && this.#credit > 0) {
      const available = this.#source.readableLength;
      // A read of nothing is what makes the source go on, or end.
      const bytes = this.#source.read(
        available === 0 ? undefined : Math.min(CHUNK, this.#credit, available),
      ) as Buffer | null;
      if (bytes === null) return;
      for (let offset = 0; offset < bytes.length; offset += CHUNK) {
        this.#write(encodeFrame(Kind.chunk, this.#stream, bytes.subarray(offset, offset + CHUNK)));
      }
      this.#credit -= bytes.length;
    }
  }

  #finish(frame: Buffer): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.destroy();
    this.#write(frame);
    this.#onDone();
  }
}

export function transferError(stream: number, message: string): Buffer {
  return encodeJson(Kind.error, stream, { errorType: 'CodeUnavailable', errorMessage: message });
}
