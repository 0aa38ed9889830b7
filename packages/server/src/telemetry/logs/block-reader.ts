import { crc32 } from 'node:zlib';
import { BLOCK_FLAG, BLOCK_HEADER, CHECKED, ENTRY_FLAG, ENTRY_HEADER } from './block.ts';
import type { LogEvent } from './event.ts';

const MAGIC_BYTES = Buffer.from([0x48, 0x42, 0x4c, 0x4b]);

/** More than any block's body may hold: a header that says more is not a header. */
const MAX_BODY = 4 * 1024 * 1024;

/** A whole, sealed block found in some bytes. */
export interface BlockView {
  readonly body: Buffer;
  readonly id: number;
  /** When its first and its last entry came. */
  readonly first: number;
  readonly last: number;
  /** Some of its events happened at another time than they came. */
  readonly timed: boolean;
  /** Where it begins in the bytes it was found in. */
  readonly offset: number;
}

/** Finds the sealed blocks in `bytes`, in order. What is not a block, or is torn or damaged, is passed over. */
export function findBlocks(bytes: Buffer): BlockView[] {
  const blocks: BlockView[] = [];
  let at = bytes.indexOf(MAGIC_BYTES);
  while (at >= 0 && at + BLOCK_HEADER <= bytes.length) {
    const length = bytes.readUInt32LE(at + 4);
    const end = at + BLOCK_HEADER + length;
    const whole = length > 0 && length <= MAX_BODY && end <= bytes.length;
    if (whole && crc32(bytes.subarray(at + CHECKED, end)) === bytes.readUInt32LE(at + 8)) {
      blocks.push({
        body: bytes.subarray(at + BLOCK_HEADER, end),
        id: bytes.readDoubleLE(at + 32),
        first: bytes.readDoubleLE(at + 16),
        last: bytes.readDoubleLE(at + 24),
        timed: (bytes.readUInt32LE(at + 12) & BLOCK_FLAG.timed) !== 0,
        offset: at,
      });
      at = bytes.indexOf(MAGIC_BYTES, end);
    } else {
      at = bytes.indexOf(MAGIC_BYTES, at + 1);
    }
  }
  return blocks;
}

/** An entry of a block. The same object is given for each entry: who wants to keep it copies it. */
export interface Entry {
  /** When it happened and when it came. */
  timestamp: number;
  ingested: number;
  stream: string;
  /** Of ENTRY_FLAG. */
  flags: number;
  /** Where the request id and the text stand in the block's body. */
  idAt: number;
  textAt: number;
  end: number;
}

/** Gives each entry of a block, in the order they were written, until `visit` returns false. */
export function visitEntries({ body, first }: BlockView, visit: (entry: Entry) => boolean | void): void {
  const streams: string[] = [];
  const entry: Entry = { timestamp: 0, ingested: 0, stream: '', flags: 0, idAt: 0, textAt: 0, end: 0 };
  let at = 0;
  while (at + ENTRY_HEADER <= body.length) {
    const textBytes = body.readUInt32LE(at);
    entry.ingested = first + body.readUInt32LE(at + 4);
    const number = body.readUInt16LE(at + 8);
    const idBytes = body[at + 10]!;
    entry.flags = body[at + 11]!;
    at += ENTRY_HEADER;
    // Bytes that only look like a block may be found behind a torn one: nothing is read beyond the end.
    if ((entry.flags & ENTRY_FLAG.named) !== 0) {
      if (at + 2 > body.length) return;
      const nameAt = at + 2;
      at = nameAt + body.readUInt16LE(at);
      streams[number] = body.toString('utf8', nameAt, at);
    }
    entry.timestamp = entry.ingested;
    if ((entry.flags & ENTRY_FLAG.timed) !== 0) {
      if (at + 8 > body.length) return;
      entry.timestamp = body.readDoubleLE(at);
      at += 8;
    }
    entry.stream = streams[number] ?? '';
    entry.idAt = at;
    entry.textAt = at + idBytes;
    entry.end = entry.textAt + textBytes;
    at = entry.end;
    if (visit(entry) === false) return;
  }
}

/** The events of a block from `since` on, in the order they were written. */
export function readEvents(block: BlockView, since = 0): LogEvent[] {
  const events: LogEvent[] = [];
  visitEntries(block, (entry) => {
    const { timestamp, stream, idAt, textAt } = entry;
    if (timestamp < since) return;
    const requestId = textAt > idAt ? block.body.toString('latin1', idAt, textAt) : undefined;
    eachEvent(block, entry, (message) => {
      const event: LogEvent = { timestamp, stream, message };
      if (requestId !== undefined) event.requestId = requestId;
      events.push(event);
    });
  });
  return events;
}

/** Gives the message of each event that an entry holds. */
export function eachEvent(
  { body }: BlockView,
  { flags, textAt, end }: Entry,
  onEvent: (message: string) => void,
): void {
  const text = body.toString('utf8', textAt, end);
  if ((flags & ENTRY_FLAG.whole) !== 0) {
    onEvent(text);
    return;
  }
  let from = 0;
  while (from < text.length) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    if (to > from) onEvent(text.slice(from, to));
    from = to + 1;
  }
}

/** How many events {@link eachEvent} would give. */
export function countEvents({ body }: BlockView, { flags, textAt, end }: Entry): number {
  if ((flags & ENTRY_FLAG.whole) !== 0) return 1;
  let count = 0;
  let from = textAt;
  while (from < end) {
    let to = body.indexOf(0x0a, from);
    if (to < 0 || to > end) to = end;
    if (to > from) count++;
    from = to + 1;
  }
  return count;
}
