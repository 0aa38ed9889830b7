/** What `LogType: Tail` returns (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
const TAIL_BYTES = 4096;

/** The last 4 KB of what an invocation logged. */
export class LogTail {
  #bytes = Buffer.alloc(0);

  /** A buffer is copied. */
  add(text: string | Buffer): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
  }

  base64(): string {
    return this.#bytes.toString('base64');
  }
}
