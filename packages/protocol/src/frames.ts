/**
 * The framed protocol spoken on every byte stream between the server and what runs inside an instance.
 *
 * A frame is a 12-byte header and a payload, little endian:
 *
 *     u32 payload length | u8 kind | 3 bytes zero | u32 stream id | payload
 *
 * The stream id names an invocation on a sandbox's stream, a transfer on an agent's link; 0 is the connection itself.
 * A receiver grants credit (bytes of `chunk` payload per stream id); a sender never has more `chunk` bytes under way
 * than it was granted. Both ends start a stream with {@link INITIAL_CREDIT}. Other kinds need no credit but are
 * limited by {@link MAX_FRAME}.
 */
export const HEADER_BYTES = 12;

/** The largest payload of one frame. Longer bodies travel as chunks. */
export const MAX_FRAME = 256 * 1024;

/** A body up to this size travels inside its `invoke` or `end` frame. */
export const INLINE_BODY = 128 * 1024;

/** Characters of the content type of a streamed response. */
export const MAX_CONTENT_TYPE = 1024;

/** Chunk bytes that may be sent on a new stream before the receiver grants more. */
export const INITIAL_CREDIT = 1024 * 1024;

/** Transfers of code that one agent may have under way at once. */
export const MAX_TRANSFERS = 64;

/** The kinds of frame. Numbers are fixed: both ends may be of different releases. */
export const Kind = {
  /** First on every connection: JSON {@link Hello}. */
  hello: 1,
  /** Server to sandbox: JSON {@link InitMessage}. Sandbox to server: empty, init is done. */
  init: 2,
  /**
   * Server to sandbox: an {@link InvokeMeta} and the event, see `encodeInvoke`. One that comes while another runs, with
   * its whole event in the frame, waits in the sandbox and begins when that one has ended.
   */
  invoke: 3,
  /** Part of a body; the body ends with `end` (or with the last chunk of an announced length). */
  chunk: 4,
  /** Sandbox to server: the invocation's response (or its last part). Agent's link: end of a transfer. */
  end: 5,
  /** Sandbox to server: the invocation or the init failed; JSON {@link ErrorBody}. Agent's link: a transfer failed. */
  error: 6,
  /** Sandbox to server: log text, UTF-8, whole lines. */
  log: 7,
  /** Server to sandbox: end gracefully. Sandbox to server: it ends by this signal, whose name is the payload, whatever its status says. */
  shutdown: 8,
  /** Receiver to sender: u32 more chunk bytes for this stream. */
  credit: 9,
  /** On an agent's link: one JSON control message (see control.ts). */
  control: 10,
  /** Server to sandbox: invocations that wait there are wanted back. Sandbox to server: they have not begun, and won't. */
  withdraw: 11,
  /** Sandbox to server: a streamed response begins; its content type. What comes of it follows as chunks, as it is written. */
  head: 12,
  /** Sandbox to server: the streamed response is whole. The invocation goes on until its `end`, which is empty, or its `error`. */
  whole: 13,
  /** Sandbox to server: as `end`, of an invocation that has waited for nothing but a processor. What says only `end` has, or doesn't know. */
  computed: 14,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Frame {
  kind: number;
  stream: number;
  /** A view of the decoder's buffer: valid until the handler returns, copy to keep. */
  payload: Buffer;
}

/** Thrown by {@link FrameDecoder} on bytes that no well-behaved peer sends; the connection must be closed. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/** Writes a header into `target` at `offset`. */
export function writeHeader(target: Buffer, offset: number, kind: Kind, stream: number, length: number): void {
  target.writeUInt32LE(length, offset);
  target.writeUInt32LE(kind, offset + 4);
  target.writeUInt32LE(stream, offset + 8);
}

/** A whole frame in one buffer. */
export function encodeFrame(kind: Kind, stream: number, payload: Buffer | string = ''): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
  if (length > MAX_FRAME) throw new FrameError(`a frame of ${length} bytes is over the limit of ${MAX_FRAME}`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, 0, kind, stream, length);
  if (typeof payload === 'string') frame.write(payload, HEADER_BYTES);
  else payload.copy(frame, HEADER_BYTES);
  return frame;
}

/** A frame whose payload is JSON. */
export function encodeJson(kind: Kind, stream: number, value: unknown): Buffer {
  return encodeFrame(kind, stream, JSON.stringify(value));
}

export function encodeCredit(stream: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 4);
  writeHeader(frame, 0, Kind.credit, stream, 4);
  frame.writeUInt32LE(bytes, HEADER_BYTES);
  return frame;
}

/** What is held of a frame whose end has not come, at first; doubled as more comes. */
const FIRST_HOLD = 1024;

/**
 * Cuts a byte stream into frames. Bytes are hostile: a length over {@link MAX_FRAME} or an unknown kind throws
 * {@link FrameError}; memory held never exceeds one frame, nor twice what has come of it; the work is in proportion to
 * the bytes, in however small pieces they come.
 */
export class FrameDecoder {
  /** The beginning of a frame, and how much of it is there. */
  #rest: Buffer | undefined;
  #held = 0;
  readonly #onFrame: (kind: Kind, stream: number, payload: Buffer) => void;

  constructor(onFrame: (kind: Kind, stream: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes; calls back for each whole frame. The callback may end the connection by throwing. */
  push(bytes: Buffer): void {
    let offset = this.#rest === undefined ? 0 : this.#complete(this.#rest, bytes);
    while (bytes.length - offset >= HEADER_BYTES) {
      const end = offset + frameBytes(bytes, offset);
      if (end > bytes.length) break;
      const start = offset;
      offset = end;
      this.#emit(bytes, start, end);
    }
    // A copy: `bytes` may be a read buffer that its owner uses again.
    if (offset < bytes.length) this.#hold(bytes, offset, bytes.length);
  }

  /** Adds to the frame that has begun; hands it on when it is whole. @returns how many bytes belonged to it. */
  #complete(rest: Buffer, bytes: Buffer): number {
    const header = Math.min(Math.max(0, HEADER_BYTES - this.#held), bytes.length);
    if (header > 0) rest = this.#hold(bytes, 0, header);
    if (this.#held < HEADER_BYTES) return header;
    const missing = frameBytes(rest, 0) - this.#held;
    const end = Math.min(header + missing, bytes.length);
    if (end > header) rest = this.#hold(bytes, header, end);
    if (end - header === missing) {
      const length = this.#held;
      this.#rest = undefined;
      this.#held = 0;
      this.#emit(rest, 0, length);
    }
    return end;
  }

  #hold(bytes: Buffer, start: number, end: number): Buffer {
    const length = this.#held + end - start;
    let rest = this.#rest;
    if (rest === undefined || rest.length < length) {
      rest = Buffer.allocUnsafe(Math.max(FIRST_HOLD, 2 * (rest?.length ?? 0), length));
      this.#rest?.copy(rest, 0, 0, this.#held);
      this.#rest = rest;
    }
    bytes.copy(rest, this.#held, start, end);
    this.#held = length;
    return rest;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    const kind = bytes.readUInt32LE(start + 4) as Kind;
    this.#onFrame(kind, bytes.readUInt32LE(start + 8), bytes.subarray(start + HEADER_BYTES, end));
  }
}

/** Bytes of the frame whose header stands at `offset`, header included. @throws FrameError where it is none. */
function frameBytes(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32LE(offset);
  const kind = bytes.readUInt32LE(offset + 4);
  if (length > MAX_FRAME) throw new FrameError(`a frame announces ${length} bytes, over the limit of ${MAX_FRAME}`);
  if (kind < Kind.hello || kind > Kind.computed) throw new FrameError(`a frame of unknown kind ${kind}`);
  return HEADER_BYTES + length;
}
