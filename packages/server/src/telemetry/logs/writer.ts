import { streamSlot } from './block.ts';
import type { StreamSlot } from './block.ts';
import { cutBytes, unfinishedCharacter } from './cut.ts';
import { MAX_EVENT_BYTES } from './event.ts';
import type { LogGroup } from './group.ts';

/** A text up to this many UTF-16 units certainly fits into one event. */
const SHORT = Math.floor(MAX_EVENT_BYTES / 3);
/** What a writer keeps of a line whose end has not come yet. */
const UNFINISHED_BYTES = 8 * 1024;

/** Writes one log stream, that of one sandbox. Costs a few hundred bytes while nothing is written. */
export class LogWriter implements Disposable {
  readonly #group: LogGroup;
  readonly #slot: StreamSlot;
  readonly #onClose: (group: LogGroup) => void;
  #unfinished: Buffer | undefined;
  #unfinishedId = '';
  #closed = false;

  constructor(group: LogGroup, stream: string, onClose: (group: LogGroup) => void) {
    this.#group = group;
    this.#slot = streamSlot(stream);
    this.#onClose = onClose;
  }

  /**
   * Adds text to the stream. Each line becomes an event, with the time of this call; lines of more than
   * MAX_EVENT_BYTES become several. A string is whole lines, whether or not it ends in a newline. Bytes are taken as
   * they come from a descriptor, invalid UTF-8 included: a line that they don't end waits for the next call or for
   * {@link close}. They are copied. Never waits, never throws.
   */
  write(text: string | Buffer, requestId = ''): void {
    if (typeof text !== 'string') {
      this.#writeBytes(text, requestId);
      return;
    }
    if (this.#unfinished !== undefined) this.#finishLine();
    if (text.length <= SHORT) this.#group.append(this.#slot, text, requestId);
    else this.#writePieces(Buffer.from(text), requestId);
  }

  /** Ends the stream; an unfinished line is written. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#finishLine();
    this.#onClose(this.#group);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #writeBytes(bytes: Buffer, requestId: string): void {
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole > 0) {
      const first = this.#unfinished;
      this.#unfinished = undefined;
      const lines = bytes.subarray(0, whole);
      this.#writePieces(first === undefined ? lines : Buffer.concat([first, lines]), requestId);
    }
    if (whole === bytes.length) return;
    const tail = whole === 0 ? bytes : bytes.subarray(whole);
    this.#unfinished = this.#unfinished === undefined ? Buffer.from(tail) : Buffer.concat([this.#unfinished, tail]);
    this.#unfinishedId = requestId;
    if (this.#unfinished.length > UNFINISHED_BYTES) {
      // Too long to wait for its end; a character is not cut in two.
      const line = this.#unfinished;
      const cut = line.length - unfinishedCharacter(line);
      this.#unfinished = cut < line.length ? line.subarray(cut) : undefined;
      this.#writePieces(line.subarray(0, cut), requestId);
    }
  }

  #writePieces(bytes: Buffer, requestId: string): void {
    if (bytes.length <= SHORT) {
      this.#group.append(this.#slot, bytes.toString(), requestId);
      return;
    }
    for (const piece of cutBytes(bytes)) this.#group.append(this.#slot, piece.toString(), requestId);
  }

  #finishLine(): void {
    const line = this.#unfinished;
    if (line === undefined) return;
    this.#unfinished = undefined;
    this.#group.append(this.#slot, line.toString(), this.#unfinishedId);
  }
}
