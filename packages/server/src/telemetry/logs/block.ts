import { crc32 } from 'node:zlib';

/**
 * The unit in which logs are held in memory and written to disk: a header and entries, little endian.
 *
 *     header  u32 magic | u32 body bytes | u32 CRC-32 of all that follows | u32 flags |
 *             f64 first ingestion | f64 last ingestion | f64 id
 *     entry   u32 text bytes | u32 ms since the block's first ingestion | u16 stream | u8 request id bytes | u8 flags |
 *             if NAMED: u16 stream name bytes | stream name; if TIMED: f64 timestamp; request id | text
 *
 * An entry that is NAMED gives its stream the number it states; later entries of the block use the number alone. A text
 * is one or more whole lines, cut into events only when someone reads, so that writing stays cheap; if WHOLE it is one
 * event. An entry that is TIMED happened at another time than it came. One that marks a stream has no text.
 * A block is complete in itself: after a torn write a reader finds the next one by its magic and checksum. Ids grow with
 * each block that the server writes.
 */
export const BLOCK_HEADER = 40;
export const ENTRY_HEADER = 12;
const MAGIC = 0x4b4c4248;
/** Where the part of a header begins that the checksum covers. */
export const CHECKED = 12;

export const BLOCK_FLAG = { timed: 1 } as const;
export const ENTRY_FLAG = { named: 1, timed: 2, whole: 4, created: 8, deleted: 16 } as const;

const MAX_STREAMS = 0xffff;
const MAX_ID = 64;

/** Where a stream stands in a block's numbering; one for each writer, so that numbering needs no look-up. */
export interface StreamSlot {
  readonly stream: string;
  /** Bytes of the stream's name in UTF-8. */
  readonly bytes: number;
  block: Block | undefined;
  number: number;
}

/** @param stream at most 65,535 bytes in UTF-8. */
export function streamSlot(stream: string): StreamSlot {
  return { stream, bytes: Buffer.byteLength(stream), block: undefined, number: 0 };
}

/** What an entry may be beside lines that were just written. */
export interface EntryOptions {
  /** When the event happened, ms since the epoch. */
  readonly timestamp?: number;
  /** Of {@link ENTRY_FLAG}: whole, created, deleted. */
  readonly flags?: number;
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
  #flags = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  get empty(): boolean {
    return this.length === BLOCK_HEADER;
  }

  /**
   * Adds a text of at most MAX_EVENT_BYTES.
   *
   * @returns false if it does not fit; the block is then unchanged.
   */
  append(slot: StreamSlot, text: string, requestId: string, now: number, options?: EntryOptions): boolean {
    const { buffer } = this;
    const start = this.length;
    const known = slot.block === this;
    const timestamp = options?.timestamp;
    const idBytes = requestId.length > MAX_ID ? 0 : requestId.length;
    const before = start + ENTRY_HEADER + (known ? 0 : 2 + slot.bytes) + (timestamp === undefined ? 0 : 8) + idBytes;
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (before + text.length * 3 > buffer.length && before + Buffer.byteLength(text) > buffer.length) return false;
    if (!known && this.#streams >= MAX_STREAMS) return false;
    if (start === BLOCK_HEADER) this.#first = now;
    // The clock may be set back; an entry is never older than its block.
    const delta = now > this.#first ? now - this.#first : 0;
    if (delta > 0xffffffff) return false;
    this.#last = this.#first + delta;
    let flags = options?.flags ?? 0;
    let at = start + ENTRY_HEADER;
    if (!known) {
      slot.block = this;
      slot.number = this.#streams++;
      flags |= ENTRY_FLAG.named;
      buffer[at++] = slot.bytes & 0xff;
      buffer[at++] = slot.bytes >> 8;
      at += buffer.write(slot.stream, at, slot.bytes);
    }
    if (timestamp !== undefined) {
      flags |= ENTRY_FLAG.timed;
      this.#flags |= BLOCK_FLAG.timed;
      at = buffer.writeDoubleLE(timestamp, at);
    }
    for (let i = 0; i < idBytes; i++) buffer[at++] = requestId.charCodeAt(i);
    const textBytes = buffer.write(text, at);
    writeUInt32(buffer, start, textBytes);
    writeUInt32(buffer, start + 4, delta);
    buffer[start + 8] = slot.number & 0xff;
    buffer[start + 9] = slot.number >> 8;
    buffer[start + 10] = idBytes;
    buffer[start + 11] = flags;
    this.length = at + textBytes;
    return true;
  }

  /** Writes the header. @returns the block's bytes, a view. */
  seal(id: number): Buffer {
    const { buffer } = this;
    buffer.writeUInt32LE(MAGIC, 0);
    buffer.writeUInt32LE(this.length - BLOCK_HEADER, 4);
    buffer.writeUInt32LE(this.#flags, 12);
    buffer.writeDoubleLE(this.#first, 16);
    buffer.writeDoubleLE(this.#last, 24);
    buffer.writeDoubleLE(id, 32);
    buffer.writeUInt32LE(crc32(buffer.subarray(CHECKED, this.length)), 8);
    return buffer.subarray(0, this.length);
  }
}

function writeUInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value & 0xff;
  buffer[at + 1] = (value >>> 8) & 0xff;
  buffer[at + 2] = (value >>> 16) & 0xff;
  buffer[at + 3] = value >>> 24;
}
