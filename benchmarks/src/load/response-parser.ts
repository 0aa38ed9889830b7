/**
 * Finds where HTTP/1.1 answers end on a connection that carries one request at a time: no more of HTTP than the
 * benchmarked servers speak (a length or chunks), because whatever the generator spends it takes from the server.
 */
export class ResponseParser {
  readonly #onAnswer: (status: number) => void;
  #head: Buffer = Buffer.alloc(0);
  #state: 'head' | 'body' | 'chunks' = 'head';
  #status = 0;
  #remaining = 0;

  constructor(onAnswer: (status: number) => void) {
    this.#onAnswer = onAnswer;
  }

  /**
   * Takes the next bytes.
   *
   * @throws Error on what is not an answer with a length or chunks
   */
  push(bytes: Buffer): void {
    if (this.#state === 'body') {
      this.#take(bytes.length);
      return;
    }
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    if (this.#state === 'head') this.#readHead();
    else this.#readChunks();
  }

  #readHead(): void {
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#head.toString('latin1', 0, end);
    const rest = this.#head.subarray(end + 4);
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length !== null) {
      this.#state = 'body';
      this.#head = Buffer.alloc(0);
      this.#remaining = Number(length[1]);
      this.#take(rest.length);
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#state = 'chunks';
      this.#head = rest;
      this.#readChunks();
    } else {
      throw new Error(`an answer without a length: ${head}`);
    }
  }

  #readChunks(): void {
    for (;;) {
      const line = this.#head.indexOf('\r\n');
      if (line === -1) return;
      const size = Number.parseInt(this.#head.toString('latin1', 0, line), 16);
      if (Number.isNaN(size)) throw new Error(`not a chunk: ${this.#head.toString('latin1', 0, line)}`);
      const next = line + 2 + size + 2;
      if (this.#head.length < next) return;
      this.#head = this.#head.subarray(next);
      if (size === 0) {
        this.#finish();
        return;
      }
    }
  }

  #take(bytes: number): void {
    this.#remaining -= bytes;
    if (this.#remaining < 0) throw new Error('more bytes than the answer announced');
    if (this.#remaining === 0) this.#finish();
  }

  #finish(): void {
    this.#state = 'head';
    this.#head = Buffer.alloc(0);
    this.#onAnswer(this.#status);
  }
}
