import { open } from 'node:fs/promises';
import { findBlocks } from './block-reader.ts';
import { breathe } from './breather.ts';
import { SegmentIndex } from './segment-index.ts';
import type { Segment } from './segments.ts';

/** Blocks and streams that all indexes together may hold; about 100 bytes each. */
const MAX_SIZE = 200_000;
/** Bytes of a segment that are read at once. */
const CHUNK = 1024 * 1024;

/** Indexes of segments, made when they are first asked for; of those that were not used for longest none is kept. */
export class IndexCache {
  readonly #maxSize: number;
  readonly #indexes = new Map<number, SegmentIndex>();

  constructor(maxSize = MAX_SIZE) {
    this.#maxSize = maxSize;
  }

  /** @throws the signal's reason once it is aborted. */
  async get(segment: Segment, signal: AbortSignal | undefined): Promise<SegmentIndex> {
    const known = this.#indexes.get(segment.id);
    this.#indexes.delete(segment.id);
    // Indexes that are read from elsewhere are not changed: one that is behind gets a successor.
    const index = known !== undefined && known.end >= segment.bytes ? known : await extend(known, segment, signal);
    this.#indexes.set(segment.id, index);
    this.#evict();
    return index;
  }

  #evict(): void {
    let size = this.#indexes.values().reduce((sum, index) => sum + index.size, 0);
    for (const [id, index] of this.#indexes) {
      if (size <= this.#maxSize || this.#indexes.size === 1) return;
      this.#indexes.delete(id);
      size -= index.size;
    }
  }
}

/** An index of all of a segment; of what an older one knows nothing is read again. */
async function extend(
  known: SegmentIndex | undefined,
  segment: Segment,
  signal: AbortSignal | undefined,
): Promise<SegmentIndex> {
  const index = known === undefined ? new SegmentIndex() : known.copy();
  let file;
  try {
    file = await open(segment.path);
  } catch (error) {
    // Rotated away since it was listed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return index;
    throw error;
  }
  await using handle = file;
  let size = CHUNK;
  while (index.end < segment.bytes) {
    const buffer = Buffer.allocUnsafe(Math.min(size, segment.bytes - index.end));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, index.end);
    if (bytesRead === 0) break;
    const blocks = findBlocks(buffer.subarray(0, bytesRead));
    for (const block of blocks) {
      index.add(block, index.end);
      await breathe(signal);
    }
    const last = index.blocks.at(-1);
    const base = index.end;
    // The last block of a chunk may be cut off: the next chunk begins with it.
    index.end = blocks.length > 0 ? last!.offset + last!.bytes : base;
    if (blocks.length === 0) {
      if (base + bytesRead >= segment.bytes) index.end = segment.bytes;
      else if (size < MAX_CHUNK) size *= 2;
      else index.end = base + bytesRead;
    } else if (base + bytesRead >= segment.bytes) index.end = segment.bytes;
    else size = CHUNK;
  }
  return index;
}

/** Holds any block, whatever stands before it. */
const MAX_CHUNK = 8 * CHUNK;
