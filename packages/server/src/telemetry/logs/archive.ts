import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type {
  EventPage,
  EventQuery,
  GroupRecord,
  LogArchive,
  LogOwner,
  NewEvent,
  StreamRecord,
} from '../../logs/ports.ts';
import { ENTRY_FLAG } from './block.ts';
import { countEvents, eachEvent, findBlocks, visitEntries } from './block-reader.ts';
import type { BlockView } from './block-reader.ts';
import { breathe } from './breather.ts';
import { Gate } from './gate.ts';
import { IndexCache } from './index-cache.ts';
import { PageBuilder } from './page.ts';
import { mergeStreams, SegmentIndex } from './segment-index.ts';
import type { IndexedBlock, StreamTrace } from './segment-index.ts';
import type { Segment } from './segments.ts';
import type { LogStore } from './store.ts';

/** Logs that are worked through at the same time; the rest wait. */
const READERS = 2;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Some part of a group: a segment, or what is in memory. */
interface Part {
  readonly index: SegmentIndex;
  readonly segment: Segment | undefined;
  /** Of what is in memory, in the index's order. */
  readonly memory: readonly BlockView[];
}

/** What is in a log store, as the logs room wants to read it. */
export class StoredLogs implements LogArchive {
  readonly #store: LogStore;
  readonly #indexes = new IndexCache();
  readonly #gate = new Gate(READERS);

  constructor(store: LogStore) {
    this.#store = store;
  }

  async groups(owner: LogOwner): Promise<readonly GroupRecord[]> {
    await this.#store.catalogue.ready;
    return [...this.#store.catalogue.list(owner)];
  }

  async group(owner: LogOwner, name: string): Promise<GroupRecord | undefined> {
    await this.#store.catalogue.ready;
    return this.#store.catalogue.get(owner, name);
  }

  async putGroup(owner: LogOwner, group: GroupRecord): Promise<void> {
    await this.#store.catalogue.ready;
    await this.#store.catalogue.put(owner, group);
  }

  async deleteGroup(owner: LogOwner, name: string): Promise<void> {
    await this.#store.delete(owner, name);
  }

  storedBytes(owner: LogOwner, name: string): number {
    return this.#store.storedBytes(owner, name);
  }

  async streams(owner: LogOwner, group: string): Promise<ReadonlyMap<string, StreamRecord>> {
    using _turn = await this.#gate.enter(undefined);
    const records = new Map<string, StreamRecord>();
    for (const [name, trace] of streamsOf(await this.#parts(owner, group, undefined))) {
      const record = recordOf(name, trace);
      if (record !== undefined) records.set(name, record);
    }
    return records;
  }

  async stream(owner: LogOwner, group: string, name: string): Promise<StreamRecord | undefined> {
    using _turn = await this.#gate.enter(undefined);
    const all = new Map<string, StreamTrace>();
    for (const { index } of await this.#parts(owner, group, undefined)) {
      const trace = index.streams.get(name);
      if (trace !== undefined) mergeStreams(all, new Map([[name, trace]]));
    }
    return recordOf(name, all.get(name));
  }

  async countStreams(owner: LogOwner, group: string): Promise<number> {
    using _turn = await this.#gate.enter(undefined);
    const parts = await this.#parts(owner, group, undefined);
    return parts.reduce((sum, { index }) => sum + index.streams.size, 0);
  }

  createStream(owner: LogOwner, group: string, stream: string): Promise<boolean> {
    return this.#store.append(owner, group, stream, [{ text: '', flags: ENTRY_FLAG.created }]);
  }

  deleteStream(owner: LogOwner, group: string, stream: string): Promise<boolean> {
    return this.#store.append(owner, group, stream, [{ text: '', flags: ENTRY_FLAG.deleted }]);
  }

  append(owner: LogOwner, group: string, stream: string, events: readonly NewEvent[]): Promise<boolean> {
    return this.#store.append(
      owner,
      group,
      stream,
      events.map(({ timestamp, message }) => ({ text: message, timestamp, flags: ENTRY_FLAG.whole })),
    );
  }

  async read(owner: LogOwner, group: string, query: EventQuery): Promise<EventPage> {
    const { signal } = query;
    using _turn = await this.#gate.enter(signal);
    const parts = await this.#parts(owner, group, signal);
    const streams = streamsOf(parts);
    const wanted = new Set([...streams.keys()].filter((name) => query.stream?.(name) ?? true));
    const blocks = parts.flatMap((part) => part.index.blocks.map((block, number) => ({ block, part, number })));
    blocks.sort(query.from === 'head' ? (a, b) => a.block.min - b.block.min : (a, b) => b.block.max - a.block.max);
    const page = new PageBuilder(query);
    await using files = new OpenFiles();
    for (const { block, part, number } of blocks) {
      if (page.passes(block.min, block.max) || !holdsOneOf(block, wanted)) continue;
      if (page.isBeyond(block.min, block.max)) {
        page.stop();
        break;
      }
      const view = part.segment === undefined ? part.memory[number] : await files.read(part.segment, block);
      if (view !== undefined) collect(view, page, wanted, streams, query);
      await breathe(signal);
    }
    return page.page();
  }

  /** Removes what groups hold for longer than they are to. */
  async expire(now: number): Promise<void> {
    await this.#store.catalogue.ready;
    for (const { owner, group } of this.#store.catalogue.all()) {
      if (group.retentionDays === undefined) continue;
      await this.#store.expire(owner, group.name, now - group.retentionDays * DAY_MS);
    }
  }

  /** A group's parts, the oldest first. */
  async #parts(owner: LogOwner, group: string, signal: AbortSignal | undefined): Promise<Part[]> {
    const { segments, memory } = await this.#store.view(owner, group);
    const parts: Part[] = [];
    for (const segment of segments) {
      parts.push({ index: await this.#indexes.get(segment, signal), segment, memory: [] });
    }
    const index = new SegmentIndex();
    for (const block of memory) {
      index.add(block, 0);
      await breathe(signal);
    }
    parts.push({ index, segment: undefined, memory });
    return parts;
  }
}

function streamsOf(parts: readonly Part[]): Map<string, StreamTrace> {
  const streams = new Map<string, StreamTrace>();
  for (const { index } of parts) mergeStreams(streams, index.streams);
  return streams;
}

/** Undefined for a stream that is deleted. */
function recordOf(name: string, trace: StreamTrace | undefined): StreamRecord | undefined {
  if (trace?.created === undefined) return undefined;
  const { created, firstEvent, lastEvent, lastIngestion } = trace;
  return { name, created, firstEvent, lastEvent, lastIngestion };
}

function holdsOneOf({ streams }: IndexedBlock, wanted: ReadonlySet<string>): boolean {
  for (const stream of streams) if (wanted.has(stream)) return true;
  return false;
}

function collect(
  block: BlockView,
  page: PageBuilder,
  wanted: ReadonlySet<string>,
  streams: ReadonlyMap<string, StreamTrace>,
  { matches, start, end }: EventQuery,
): void {
  let index = 0;
  let number = 0;
  visitEntries(block, (entry) => {
    const { stream, timestamp, ingested } = entry;
    const deleted = streams.get(stream)?.deleted;
    const gone =
      deleted !== undefined && (block.id < deleted.block || (block.id === deleted.block && number <= deleted.entry));
    number++;
    if (gone || !wanted.has(stream) || timestamp < start || timestamp >= end) {
      // They are counted all the same: an event's key never changes.
      index += countEvents(block, entry);
      return;
    }
    eachEvent(block, entry, (message) => {
      const key = { timestamp, block: block.id, index: index++ };
      if (page.wants(key) && matches?.(message) !== false) page.add({ ...key, ingested, stream, message });
    });
  });
}

/** The files of one reading, each open once. */
class OpenFiles implements AsyncDisposable {
  readonly #files = new Map<number, FileHandle | undefined>();

  /** Undefined where the block is there no longer. */
  async read(segment: Segment, { offset, bytes }: IndexedBlock): Promise<BlockView | undefined> {
    const file = await this.#open(segment);
    const buffer = Buffer.allocUnsafe(bytes);
    const { bytesRead } = (await file?.read(buffer, 0, bytes, offset)) ?? { bytesRead: 0 };
    return findBlocks(buffer.subarray(0, bytesRead))[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.values()) await file?.close();
  }

  async #open({ id, path }: Segment): Promise<FileHandle | undefined> {
    if (this.#files.has(id)) return this.#files.get(id);
    let file: FileHandle | undefined;
    try {
      file = await open(path);
    } catch (error) {
      // Rotated away since it was listed.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#files.set(id, file);
    return file;
  }
}
