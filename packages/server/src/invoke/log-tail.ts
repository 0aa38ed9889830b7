/** What `LogType: Tail` returns (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
const TAIL_BYTES = 4096;

const NEWLINE = 0x0a;

/** The last 4 KB of what an invocation logged. */
export class LogTail {
  #bytes = Buffer.alloc(0);

  /** A buffer is copied, and need not end with its line; a string begins a line of its own. */
  add(text: string | Buffer): void {
    if (typeof text === 'string' && this.#bytes.length > 0 && this.#bytes.at(-1) !== NEWLINE)
      this.add(Buffer.of(NEWLINE));
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
  }

  base64(): string {
    return this.#bytes.toString('base64');
  }
}
