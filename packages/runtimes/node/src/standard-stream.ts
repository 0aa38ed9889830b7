import { Writable } from 'node:stream';
import { INLINE_BODY } from '@hearth/protocol';
import type { LogOutput } from './log-output.ts';

const NEWLINE = 0x0a;

/**
 * `process.stdout` and `process.stderr` of a sandbox. What is written becomes log text with no prefix. An unfinished
 * line waits for its end, for the end of the invocation, or until it fills a frame.
 */
export class StandardStream extends Writable {
  readonly fd: 1 | 2;
  readonly #output: LogOutput;
  /** Whether a line, without its end, is to be logged; all are where this is not set. */
  keep: ((line: string) => boolean) | undefined;
  #partial: Buffer[] = [];
  #partialBytes = 0;

  constructor(fd: 1 | 2, output: LogOutput) {
    super({ decodeStrings: true });
    this.fd = fd;
    this.#output = output;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      const lines = chunk.subarray(0, end);
      this.#write(this.#partialBytes === 0 ? lines : Buffer.concat([...this.#partial, lines]));
      this.#partial = [];
      this.#partialBytes = 0;
    }
    if (end < chunk.length) {
      // A copy: the caller may use its buffer again once the write is done.
      this.#partial.push(Buffer.from(chunk.subarray(end)));
      this.#partialBytes += chunk.length - end;
      if (this.#partialBytes >= INLINE_BODY) this.flushPartialLine();
    }
    done();
  }

  /** Sends an unfinished line, ending it. */
  flushPartialLine(): void {
    if (this.#partialBytes === 0) return;
    const line = Buffer.concat([...this.#partial, Buffer.of(NEWLINE)]);
    this.#partial = [];
    this.#partialBytes = 0;
    this.#write(line);
  }

  #write(lines: Buffer): void {
    const { keep } = this;
    if (keep === undefined) return this.#output.writeBytes(lines);
    for (const line of lines.toString().split('\n').slice(0, -1)) {
      if (keep(line)) this.#output.writeText(`${line}\n`);
    }
  }
}
