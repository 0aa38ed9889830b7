import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { FrameDecoder, HEADER_BYTES, INLINE_BODY, writeHeader, type Kind } from '@hearth/protocol';

/** Bytes taken from the socket at a time. */
const READ_BYTES = 64 * 1024;

/** What is read comes here, and no event; see `net.Socket`'s constructor. */
export interface OnRead {
  buffer: Buffer;
  callback: (size: number, buffer: Buffer) => boolean;
}

/** What makes the socket: it must hand what it reads to `onread`. */
export type SocketFactory = (onread: OnRead) => Socket;

/** A process has one connection at a time, and a fork finds these made. Writes are synchronous, so one buffer serves all frames. */
const input = Buffer.allocUnsafeSlow(READ_BYTES);
const output = Buffer.allocUnsafeSlow(HEADER_BYTES + INLINE_BODY);

export interface ConnectionEvents {
  /** `payload` is a view, valid until the call returns. May throw if the frame makes no sense. */
  frame(kind: Kind, stream: number, payload: Buffer): void;
  /** The server has gone, or talks nonsense, which `error` then tells; called once. */
  closed(error?: Error): void;
}

/** The parts of Node's stream handle used here; Node documents neither, and both have been there since 0.12. */
interface StreamHandle {
  readonly fd: number;
  setBlocking(blocking: boolean): void;
}

/**
 * The sandbox's stream to the server.
 *
 * Reading goes through Node's event loop. Writing does not: every frame is handed to the kernel before `send*`
 * returns, blocking if the socket is full. So frames keep their order, nothing that was logged is lost when the
 * process dies in the next statement, and a function that prints without end waits for its reader instead of
 * filling its memory.
 */
export class Connection implements Disposable {
  readonly #socket: Socket;
  readonly #handle: StreamHandle;
  readonly #fd: number;
  readonly #events: ConnectionEvents;
  #open = true;

  constructor(connect: SocketFactory, events: ConnectionEvents) {
    this.#events = events;
    const decoder = new FrameDecoder((kind, stream, payload) => events.frame(kind, stream, payload));
    this.#socket = connect({
      buffer: input,
      callback: (size) => {
        try {
          decoder.push(input.subarray(0, size));
        } catch (error) {
          this.#close(error as Error);
        }
        return this.#open;
      },
    });
    const handle = (this.#socket as unknown as { _handle: StreamHandle | null })._handle;
    if (handle === null || handle.fd < 0) throw new Error('the socket to the server is not open');
    this.#handle = handle;
    this.#fd = handle.fd;
    this.#socket.on('end', () => this.#close());
    this.#socket.on('error', () => this.#close());
    this.#socket.resume();
  }

  /** Sends `text` as one frame if it is at most {@link INLINE_BODY} bytes of UTF-8; else sends nothing and returns false. */
  sendText(kind: Kind, stream: number, text: string): boolean {
    // Three bytes are the most that one UTF-16 unit becomes.
    if (text.length * 3 > INLINE_BODY && Buffer.byteLength(text) > INLINE_BODY) return false;
    const length = output.write(text, HEADER_BYTES);
    this.#send(kind, stream, length);
    return true;
  }

  /** Sends a part of `bytes`, at most {@link INLINE_BODY} long, as one frame. */
  sendBytes(kind: Kind, stream: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    output.set(bytes.subarray(start, end), HEADER_BYTES);
    this.#send(kind, stream, end - start);
  }

  /** Keeps the event loop alive, as it does from the start. */
  hold(): void {
    this.#socket.ref();
  }

  /** Lets the event loop end when there is nothing else to wait for. */
  release(): void {
    this.#socket.unref();
  }

  [Symbol.dispose](): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #send(kind: Kind, stream: number, length: number): void {
    if (!this.#open) return;
    writeHeader(output, 0, kind, stream, length);
    const total = HEADER_BYTES + length;
    let sent = 0;
    while (sent < total) {
      try {
        sent += writeSync(this.#fd, output, sent, total - sent);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return this.#close();
        sent += this.#sendBlocking(sent, total);
      }
    }
  }

  #sendBlocking(start: number, end: number): number {
    this.#handle.setBlocking(true);
    try {
      return writeSync(this.#fd, output, start, end - start);
    } finally {
      this.#handle.setBlocking(false);
    }
  }

  #close(error?: Error): void {
    if (!this.#open) return;
    this.#open = false;
    this.#events.closed(error);
  }
}
