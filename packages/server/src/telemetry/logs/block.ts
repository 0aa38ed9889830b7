import { crc32 } from 'node:zlib';
import { MAX_EVENT_BYTES } from './event.ts';
import type { LogEvent } from './event.ts';

/**
 * The unit in which logs are held in memory and written to disk: a header and entries, little endian.
 *
 *     header  u32 magic | u32 body bytes | u32 CRC-32 of the body | u32 zero | f64 first timestamp | f64 last timestamp
 *     entry   u32 text bytes | u32 ms since the block's first timestamp | u16 stream | u8 request id bytes |
 *             u8 stream name bytes | stream name | request id | text
 *
 * An entry that carries a stream name gives it the stream number it states; later entries of the block use the number
 * alone. A text is one or more whole lines, cut into events only when someone reads, so that writing stays cheap.
 * A block is complete in itself: after a torn write a reader finds the next one by its magic and checksum.
 */
export const BLOCK_HEADER = 32;
const ENTRY_HEADER = 12;
const MAGIC = 0x4b4c4248;
const MAGIC_BYTES = Buffer.from([0x48, 0x42, 0x4c, 0x4b]);

/** More than any block's body may hold: a header that says more is not a header. */
const MAX_BODY = 4 * 1024 * 1024;
const MAX_STREAMS = 0xffff;
const MAX_ID = 64;

/** Where a stream stands in a block's numbering; one for each writer, so that numbering needs no look-up. */
export interface StreamSlot {
  readonly stream: string;
  block: Block | undefined;
  number: number;
}

/** A block that is being filled. */
export class Block {
  readonly buffer: Buffer;
  length = BLOCK_HEADER;
  /** Held by a reader: its buffer must not be used again. */
  shared = false;
  #streams = 0;
  #first = 0;
  #last = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  get empty(): boolean {
    return this.length === BLOCK_HEADER;
  }

  /**
   * Adds a text of at most {@link MAX_EVENT_BYTES}.
   *
   * @returns false if it does not fit; the block is then unchanged.
   */
  append(slot: StreamSlot, text: string, requestId: string, now: number): boolean {
    const { buffer } = this;
    const start = this.length;
    const known = slot.block === this;
    const name = known ? '' : slot.stream;
    const idBytes = requestId.length > MAX_ID ? 0 : requestId.length;
    const nameBytes = name.length;
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (start + ENTRY_HEADER + nameBytes + idBytes + text.length * 3 > buffer.length) {
      const textBytes = Buffer.byteLength(text);
      if (start + ENTRY_HEADER + nameBytes + idBytes + textBytes > buffer.length) return false;
    }
    if (!known && this.#streams >= MAX_STREAMS) return false;
    if (start === BLOCK_HEADER) this.#first = now;
    // The clock may be set back; an entry is never older than its block.
    const delta = now > this.#first ? now - this.#first : 0;
    if (delta > 0xffffffff) return false;
    this.#last = this.#first + delta;
    let at = start + ENTRY_HEADER;
    if (!known) {
      slot.block = this;
      slot.number = this.#streams++;
      at += buffer.write(name, at, nameBytes, 'latin1');
    }
    for (let i = 0; i < idBytes; i++) buffer[at++] = requestId.charCodeAt(i);
    const textBytes = buffer.write(text, at);
    writeUInt32(buffer, start, textBytes);
    writeUInt32(buffer, start + 4, delta);
    buffer[start + 8] = slot.number & 0xff;
    buffer[start + 9] = slot.number >> 8;
    buffer[start + 10] = idBytes;
    buffer[start + 11] = nameBytes;
    this.length = at + textBytes;
    return true;
  }

  /** Writes the header. @returns the block's bytes, a view. */
  seal(): Buffer {
    const { buffer } = this;
    const body = buffer.subarray(BLOCK_HEADER, this.length);
    buffer.writeUInt32LE(MAGIC, 0);
    buffer.writeUInt32LE(body.length, 4);
    buffer.writeUInt32LE(crc32(body), 8);
    buffer.writeUInt32LE(0, 12);
    buffer.writeDoubleLE(this.#first, 16);
    buffer.writeDoubleLE(this.#last, 24);
    return buffer.subarray(0, this.length);
  }
}

function writeUInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value & 0xff;
  buffer[at + 1] = (value >>> 8) & 0xff;
  buffer[at + 2] = (value >>> 16) & 0xff;
  buffer[at + 3] = value >>> 24;
}

/** A whole, sealed block found in some bytes. */
export interface BlockView {
  readonly body: Buffer;
  readonly first: number;
  readonly last: number;
}

/** Finds the sealed blocks in `bytes`, in order. What is not a block, or is torn or damaged, is passed over. */
export function findBlocks(bytes: Buffer): BlockView[] {
  const blocks: BlockView[] = [];
  let at = bytes.indexOf(MAGIC_BYTES);
  while (at >= 0 && at + BLOCK_HEADER <= bytes.length) {
    const length = bytes.readUInt32LE(at + 4);
    const end = at + BLOCK_HEADER + length;
    const whole = length > 0 && length <= MAX_BODY && end <= bytes.length;
    const body = whole ? bytes.subarray(at + BLOCK_HEADER, end) : undefined;
    if (body !== undefined && crc32(body) === bytes.readUInt32LE(at + 8)) {
      blocks.push({ body, first: bytes.readDoubleLE(at + 16), last: bytes.readDoubleLE(at + 24) });
      at = bytes.indexOf(MAGIC_BYTES, end);
    } else {
      at = bytes.indexOf(MAGIC_BYTES, at + 1);
    }
  }
  return blocks;
}

/** The events of a block from `since` on, in the order they were written. */
export function readEvents(block: BlockView, since = 0): LogEvent[] {
  const { body } = block;
  const events: LogEvent[] = [];
  const streams: string[] = [];
  let at = 0;
  while (at + ENTRY_HEADER <= body.length) {
    const textBytes = body.readUInt32LE(at);
    const timestamp = block.first + body.readUInt32LE(at + 4);
    const number = body.readUInt16LE(at + 8);
    const idBytes = body.readUInt8(at + 10);
    const nameBytes = body.readUInt8(at + 11);
    at += ENTRY_HEADER;
    if (nameBytes > 0) streams[number] = body.toString('latin1', at, at + nameBytes);
    const idAt = at + nameBytes;
    const textAt = idAt + idBytes;
    at = textAt + textBytes;
    if (timestamp < since) continue;
    const requestId = idBytes > 0 ? body.toString('latin1', idAt, textAt) : undefined;
    cutLines(body.toString('utf8', textAt, at), (message) => {
      const event: LogEvent = { timestamp, stream: streams[number] ?? '', message };
      if (requestId !== undefined) event.requestId = requestId;
      events.push(event);
    });
  }
  return events;
}

function cutLines(text: string, onLine: (line: string) => void): void {
  let from = 0;
  while (from < text.length) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    if (to > from) onLine(text.slice(from, to));
    from = to + 1;
  }
}

/**
 * Cuts `bytes` into pieces of at most {@link MAX_EVENT_BYTES}: after a line's end where there is one, else between two
 * characters.
 */
export function* cutBytes(bytes: Buffer): Generator<Buffer> {
  let from = 0;
  while (from < bytes.length) {
    let to = Math.min(from + MAX_EVENT_BYTES, bytes.length);
    if (to < bytes.length) {
      const lineEnd = bytes.subarray(from, to).lastIndexOf(0x0a);
      if (lineEnd >= 0) to = from + lineEnd + 1;
      else to -= unfinishedCharacter(bytes.subarray(from, to));
    }
    yield bytes.subarray(from, to);
    from = to;
  }
}

/** How many bytes at the end of `bytes` begin a UTF-8 character that is not complete: 0 to 3. */
export function unfinishedCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}
