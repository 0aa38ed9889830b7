import { BLOCK_HEADER, ENTRY_FLAG } from './block.ts';
import { visitEntries } from './block-reader.ts';
import type { BlockView } from './block-reader.ts';

/** A block as far as it must be known to decide whether to read it. */
export interface IndexedBlock {
  readonly id: number;
  /** In the segment, of header and body together. */
  readonly offset: number;
  readonly bytes: number;
  /** Times of its earliest and latest event. */
  readonly min: number;
  readonly max: number;
  readonly streams: ReadonlySet<string>;
}

/** What some part of a log says of one stream. */
export interface StreamTrace {
  /** When it was made or first written to; undefined where this part ends with its deletion. */
  created: number | undefined;
  firstEvent: number | undefined;
  lastEvent: number | undefined;
  lastIngestion: number | undefined;
  /** Its events up to this place are deleted. */
  deleted: { readonly block: number; readonly entry: number } | undefined;
}

/** What stands where in one segment, or in the blocks that are in memory. */
export class SegmentIndex {
  readonly blocks: IndexedBlock[] = [];
  readonly streams = new Map<string, StreamTrace>();
  /** Bytes of the segment that have been looked at. */
  end = 0;

  /** How much it holds, for whoever bounds that. */
  get size(): number {
    return this.blocks.length + this.streams.size;
  }

  /** One that can grow without changing this one. */
  copy(): SegmentIndex {
    const copy = new SegmentIndex();
    copy.blocks.push(...this.blocks);
    for (const [name, trace] of this.streams) copy.streams.set(name, { ...trace });
    copy.end = this.end;
    return copy;
  }

  /** @param base where in the segment the bytes begin that the block was found in. */
  add(block: BlockView, base: number): void {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    const streams = new Set<string>();
    let entry = 0;
    visitEntries(block, ({ stream, flags, timestamp, ingested }) => {
      const trace = this.#trace(stream);
      streams.add(stream);
      if ((flags & ENTRY_FLAG.deleted) !== 0) {
        clear(trace);
        trace.deleted = { block: block.id, entry };
      } else {
        trace.created ??= ingested;
        if ((flags & ENTRY_FLAG.created) === 0) {
          trace.firstEvent = Math.min(trace.firstEvent ?? timestamp, timestamp);
          trace.lastEvent = Math.max(trace.lastEvent ?? timestamp, timestamp);
          trace.lastIngestion = ingested;
          min = Math.min(min, timestamp);
          max = Math.max(max, timestamp);
        }
      }
      entry++;
    });
    const { id, offset, body } = block;
    this.blocks.push({ id, offset: base + offset, bytes: BLOCK_HEADER + body.length, min, max, streams });
  }

  #trace(stream: string): StreamTrace {
    let trace = this.streams.get(stream);
    if (trace === undefined) {
      trace = emptyTrace();
      this.streams.set(stream, trace);
    }
    return trace;
  }
}

function emptyTrace(): StreamTrace {
  return {
    created: undefined,
    firstEvent: undefined,
    lastEvent: undefined,
    lastIngestion: undefined,
    deleted: undefined,
  };
}

function clear(trace: StreamTrace): void {
  trace.created = undefined;
  trace.firstEvent = undefined;
  trace.lastEvent = undefined;
  trace.lastIngestion = undefined;
}

/** Adds what a later part of the log says to what the earlier ones said. */
export function mergeStreams(all: Map<string, StreamTrace>, later: ReadonlyMap<string, StreamTrace>): void {
  for (const [name, trace] of later) {
    const known = all.get(name);
    if (known === undefined || trace.deleted !== undefined) {
      all.set(name, { ...trace });
      continue;
    }
    known.created ??= trace.created;
    if (trace.lastEvent === undefined) continue;
    known.firstEvent = Math.min(known.firstEvent ?? trace.firstEvent!, trace.firstEvent!);
    known.lastEvent = Math.max(known.lastEvent ?? trace.lastEvent, trace.lastEvent);
    known.lastIngestion = trace.lastIngestion;
  }
}
