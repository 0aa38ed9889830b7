import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What came back. */
export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The connection ended, in order or not, before a whole answer had come. */
export type Ended = 'ended' | 'silent';

const ANSWER_LIMIT_MS = 30_000;

/** A connection on which one request after the other is sent, as bytes, and that reads answers strictly by the rules. */
export class Wire {
  readonly #port: number;
  #socket: Socket | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #notify: (() => void) | undefined;
  #over = false;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Sends a request, and says that no more will come, if `last` is set.
   *
   * @param method to which it is; an answer to HEAD has no body.
   * @throws Error where what came is no answer by the rules of HTTP.
   */
  async exchange(bytes: Buffer, method: string, last = false): Promise<WireAnswer | Ended> {
    const socket = this.#socket ?? this.#open();
    if (last) socket.end(bytes);
    else socket.write(bytes);
    const end = performance.now() + ANSWER_LIMIT_MS;
    for (;;) {
      const answer = this.#parse(method);
      if (answer !== undefined) {
        if (answer.status < 200) continue;
        if (last || answer.headers.get('connection') === 'close') this.close();
        return answer;
      }
      if (this.#over) {
        const rest = this.#bytes.length;
        this.close();
        if (rest > 0) throw new Error(`the connection ended in the middle of an answer, after ${rest} bytes of it`);
        return 'ended';
      }
      const left = end - performance.now();
      if (left <= 0) {
        this.close();
        return 'silent';
      }
      await this.#more(left);
    }
  }

  /** Sends and breaks off. */
  async abort(bytes: Buffer): Promise<void> {
    const socket = this.#socket ?? this.#open();
    await new Promise((resolve) => {
      socket.write(bytes, resolve);
    });
    this.close();
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#bytes = Buffer.alloc(0);
    this.#over = false;
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    this.#socket = socket;
    this.#over = false;
    const over = (): void => {
      if (this.#socket !== socket) return;
      this.#over = true;
      this.#notify?.();
    };
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return;
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      this.#notify?.();
    });
    // A server that breaks off is seen as an answer that does not come.
    socket.on('error', over);
    socket.on('end', over);
    socket.on('close', over);
    return socket;
  }

  #more(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#notify = undefined;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.#notify = done;
    });
  }

  /** Takes the first whole answer out of what has come. */
  #parse(method: string): WireAnswer | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [first, ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n');
    const status = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(first!)?.[1];
    if (status === undefined) throw new Error(`no status line: ${JSON.stringify(first)}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
      if (header === null) throw new Error(`no header: ${JSON.stringify(line)}`);
      headers.set(header[1]!.toLowerCase(), header[2]!);
    }
    const start = end + 4;
    const bare = method === 'HEAD' || status === '204' || status.startsWith('1');
    const taken = bare ? { body: Buffer.alloc(0), next: start } : this.#body(start, headers);
    if (taken === undefined) return undefined;
    this.#bytes = this.#bytes.subarray(taken.next);
    if (headers.get('connection') === 'close' && this.#bytes.length > 0) throw new Error('bytes after the last answer');
    return { status: Number(status), headers, body: taken.body };
  }

  #body(start: number, headers: ReadonlyMap<string, string>): { body: Buffer; next: number } | undefined {
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunks(start);
    const length = Number(headers.get('content-length') ?? Number.NaN);
    if (!Number.isInteger(length)) throw new Error('an answer without a length');
    const next = start + length;
    return this.#bytes.length < next ? undefined : { body: this.#bytes.subarray(start, next), next };
  }

  #chunks(start: number): { body: Buffer; next: number } | undefined {
    const parts: Buffer[] = [];
    for (let at = start; ;) {
      const line = this.#bytes.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = Number.parseInt(this.#bytes.toString('latin1', at, line), 16);
      const end = line + 2 + size;
      if (this.#bytes.length < end + 2) return undefined;
      if (size === 0) return { body: Buffer.concat(parts), next: end + 2 };
      parts.push(this.#bytes.subarray(line + 2, end));
      at = end + 2;
    }
  }
}
