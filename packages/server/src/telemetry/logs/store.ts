import { readFile } from 'node:fs/promises';
import type { LogOwner } from '../../logs/ports.ts';
import { streamSlot } from './block.ts';
import type { EntryOptions } from './block.ts';
import { findBlocks, readEvents } from './block-reader.ts';
import type { BlockView } from './block-reader.ts';
import { Catalogue } from './catalogue.ts';
import { groupDirectory } from './layout.ts';

import type { Clock, LogEvent } from './event.ts';
import { Follower } from './follower.ts';
import type { GroupOwner } from './group.ts';
import { LogGroup } from './group.ts';
import { BlockMemory } from './memory.ts';
import type { Segment } from './segments.ts';
import { Segments } from './segments.ts';
import { LogWriter } from './writer.ts';

export interface LogStoreOptions {
  /** Bytes of files of one log group; 64 MB, as much as a person searches by eye and more. */
  groupBytes?: number;
  /** Bytes of files in all; 2 GB. */
  totalBytes?: number;
  /** Bytes of logs in memory that the disk has not taken yet, in all; 32 MB is three seconds at full load. */
  memoryBytes?: number;
  /** The same for one log group; a quarter of it. */
  groupMemoryBytes?: number;
  /** Milliseconds until what was written is handed to the disk; what a crash of the server may lose. */
  flushMs?: number;
  /** Told once when logs begin to be dropped, and again only after a minute without drops. */
  warn?: (message: string, error?: unknown) => void;
}

export interface ReadOptions {
  /** Milliseconds since the epoch: only events from then on. */
  since?: number;
  /** The last so many events; 10,000, the most that CloudWatch Logs' GetLogEvents returns. */
  limit?: number;
}

/** One entry of {@link LogStore.append}. */
export interface LogEntry extends EntryOptions {
  /** At most MAX_EVENT_BYTES. */
  readonly text: string;
}

/** Descriptors kept open for writing, whatever the number of groups. */
const OPEN_FILES = 64;
/** Writes under way at once: libuv's pool has 4 threads, and a disk that hangs must not take them all. */
const PARALLEL_WRITES = 2;
/** Text that one answer of `tail` holds at most, so that a million long lines can't fill the memory. */
const ANSWER_BYTES = 16 * 1024 * 1024;
const WARN_AGAIN_MS = 60_000;
/** 255 bytes is what a block has room for; printable ASCII as AWS's names of streams are. */
const STREAM_NAME = /^[ -~]{1,255}$/;

/** The logs of all functions: memory first, then bounded files. */
export class LogStore implements AsyncDisposable, GroupOwner {
  readonly memory: BlockMemory;
  readonly groupMemory: number;
  readonly now: () => number;
  /** Which groups there are; one that a function logs to exists from then on. */
  readonly catalogue: Catalogue;
  readonly #segments: Segments;
  readonly #groups = new Map<string, LogGroup>();
  readonly #flushMs: number;
  readonly #warn: (message: string, error?: unknown) => void;
  readonly #waiting = new Set<LogGroup>();
  readonly #idle: (() => void)[] = [];
  #dirty: LogGroup[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writes = 0;
  #droppedBytes = 0;
  #lastDrop = Number.NEGATIVE_INFINITY;
  #lastBlock = 0;

  /** `dir` is made when first written to. What a former life left in it is found by readers at once. */
  constructor(dir: string, clock: Clock, options: LogStoreOptions = {}) {
    const memoryBytes = options.memoryBytes ?? 32 * 1024 * 1024;
    this.memory = new BlockMemory(memoryBytes);
    this.groupMemory = options.groupMemoryBytes ?? memoryBytes / 4;
    this.now = () => clock.now();
    this.#flushMs = options.flushMs ?? 100;
    this.#warn = options.warn ?? (() => {});
    this.#segments = new Segments(dir, clock, {
      groupBytes: options.groupBytes ?? 64 * 1024 * 1024,
      totalBytes: options.totalBytes ?? 2 * 1024 * 1024 * 1024,
      openFiles: OPEN_FILES,
    });
    this.catalogue = new Catalogue(dir, this.#segments);
    this.catalogue.ready.catch((error: unknown) => this.#warn('The logs of former runs cannot be read.', error));
  }

  /** Bytes of logs that were dropped since the start, because the memory or the disk had no room for them. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /**
   * A writer for one log stream.
   *
   * @throws TypeError where the owner is none, or the stream's name not 1 to 255 printable ASCII characters.
   */
  open(owner: LogOwner, group: string, stream: string): LogWriter {
    if (!STREAM_NAME.test(stream)) throw new TypeError(`not a log stream's name: ${JSON.stringify(stream)}`);
    const target = this.#group(owner, group);
    target.writers++;
    return new LogWriter(target, stream, (closed) => {
      closed.writers--;
      this.#forget(closed);
    });
  }

  /** The last events of a log group, oldest first; none where there is no such group. */
  async tail(owner: LogOwner, group: string, options: ReadOptions = {}): Promise<LogEvent[]> {
    const { segments, memory } = await this.view(owner, group);
    return await this.#read(segments, memory, options);
  }

  /** All that there is of a log group at one moment: first what stands in files, then what is only in memory. */
  async view(owner: LogOwner, group: string): Promise<{ segments: Segment[]; memory: BlockView[] }> {
    await this.#segments.ready;
    const directory = groupDirectory(owner, group);
    const memory = this.#groups.get(directory)?.snapshot() ?? [];
    return { segments: this.#segments.list(directory), memory };
  }

  /**
   * The events that {@link tail} would give, then each new one, until `signal` aborts. Whoever stops reading while no
   * event comes must abort it: a generator that waits can't be ended otherwise.
   */
  async *follow(
    owner: LogOwner,
    group: string,
    options: ReadOptions & { signal?: AbortSignal } = {},
  ): AsyncGenerator<LogEvent> {
    await this.#segments.ready;
    const target = this.#group(owner, group);
    // In one step: what is there now comes from the snapshot, all that follows from the follower.
    const memory = target.snapshot();
    const segments = this.#segments.list(target.directory);
    const follower = new Follower();
    target.followers.add(follower);
    try {
      yield* await this.#read(segments, memory, options);
      yield* follower.events(options.since ?? 0, options.signal);
    } finally {
      target.followers.delete(follower);
      this.#forget(target);
    }
  }

  /**
   * Adds entries to one stream at once.
   *
   * @returns whether all of them are on disk; false where memory or disk had no room for one.
   */
  async append(owner: LogOwner, group: string, stream: string, entries: readonly LogEntry[]): Promise<boolean> {
    const target = this.#group(owner, group);
    const slot = streamSlot(stream);
    let taken = true;
    for (const entry of entries) taken = target.append(slot, entry.text, '', entry) && taken;
    return (await this.#written(target)) && taken;
  }

  /** Removes a log group with all that was logged to it. What is logged from now on makes a new one. */
  async delete(owner: LogOwner, group: string): Promise<void> {
    await this.#segments.ready;
    const directory = groupDirectory(owner, group);
    await this.catalogue.delete(directory);
    const target = this.#groups.get(directory);
    if (target !== undefined) {
      target.discard();
      await this.#written(target);
    }
    await this.#segments.removeBefore(directory, Number.POSITIVE_INFINITY);
  }

  /** Bytes of a log group's files. */
  storedBytes(owner: LogOwner, group: string): number {
    return this.#segments.bytes(groupDirectory(owner, group));
  }

  /** Removes the files in which everything came before `time`, ms since the epoch. */
  async expire(owner: LogOwner, group: string, time: number): Promise<void> {
    await this.#segments.removeBefore(groupDirectory(owner, group), time);
  }

  /** Resolves when everything written so far is on its way no longer: written, or dropped. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#sealAll();
    if (this.#waiting.size > 0 || this.#writes > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    await this.catalogue.settled();
    await this.#segments[Symbol.asyncDispose]();
  }

  /** Microseconds, so that a later life of the server goes on where this one ended; two blocks never have the same. */
  nextBlock(): number {
    this.#lastBlock = Math.max(this.#lastBlock + 1, this.now() * 1000);
    return this.#lastBlock;
  }

  onDirty(group: LogGroup): void {
    this.#exists(group);
    this.#dirty.push(group);
    this.#timer ??= setTimeout(() => this.#sealAll(), this.#flushMs).unref();
  }

  onSealed(group: LogGroup): void {
    this.#waiting.add(group);
    this.#drain();
  }

  onDropped(group: LogGroup, bytes: number): void {
    this.#drop(bytes, `more is logged than the disk takes, most lately by ${group.name}`);
  }

  #sealAll(): void {
    this.#timer = undefined;
    const groups = this.#dirty;
    this.#dirty = [];
    for (const group of groups) group.seal();
  }

  #drain(): void {
    for (const group of this.#waiting) {
      if (this.#writes >= PARALLEL_WRITES) return;
      if (group.writing > 0) continue;
      this.#waiting.delete(group);
      // The write before took them. A write of nothing would not keep the next from beginning beside it.
      if (group.sealed.length === 0) continue;
      this.#writes++;
      void this.#write(group);
    }
  }

  async #write(group: LogGroup): Promise<void> {
    group.writing = group.sealed.length;
    const buffers = group.sealed.map((block) => block.buffer.subarray(0, block.length));
    try {
      await this.#segments.append(group.directory, group.name, buffers, () => group.release());
    } catch (error) {
      const lost = group.release().reduce((sum, block) => sum + block.length, 0);
      this.#drop(lost, `${group.name} cannot be written`, error);
      group.failures++;
    }
    this.#writes--;
    if (group.sealed.length === 0) for (const resolve of group.awaiting.splice(0)) resolve();
    if (group.sealed.length > 0) this.#waiting.add(group);
    else this.#forget(group);
    this.#drain();
    if (this.#writes === 0 && this.#waiting.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #drop(bytes: number, why: string, error?: unknown): void {
    this.#droppedBytes += bytes;
    const now = this.now();
    if (now - this.#lastDrop > WARN_AGAIN_MS) {
      const hint = 'Hint: see that the disk under the data directory has room and is not overloaded.';
      this.#warn(`Logs of functions are being dropped: ${why}. ${hint}`, error);
    }
    this.#lastDrop = now;
  }

  #group(owner: LogOwner, name: string): LogGroup {
    const directory = groupDirectory(owner, name);
    let group = this.#groups.get(directory);
    if (group === undefined) {
      group = new LogGroup(directory, { account: owner.account, region: owner.region }, name, this);
      this.#groups.set(directory, group);
    }
    return group;
  }

  #forget(group: LogGroup): void {
    if (group.unused) this.#groups.delete(group.directory);
  }

  #exists(group: LogGroup): void {
    if (this.catalogue.has(group.directory)) return;
    this.catalogue
      .ensure(group.of, { name: group.name, created: this.now(), tags: {} })
      .catch((error: unknown) => this.#warn(`The log group ${group.name} can't be entered in the catalogue.`, error));
  }

  /** Resolves when all of a group that is in memory now is there no longer; false where some of it was lost. */
  async #written(group: LogGroup): Promise<boolean> {
    const { failures } = group;
    group.seal();
    while (group.sealed.length > 0) await new Promise<void>((resolve) => group.awaiting.push(resolve));
    return group.failures === failures;
  }

  async #read(segments: Segment[], memory: BlockView[], options: ReadOptions): Promise<LogEvent[]> {
    const { since = 0, limit = 10_000 } = options;
    const parts: LogEvent[][] = [];
    let count = 0;
    let bytes = 0;
    // From the end backwards, so that a short tail of a long log reads little.
    const take = (blocks: BlockView[]): boolean => {
      for (const block of blocks.toReversed()) {
        if (count >= limit || bytes >= ANSWER_BYTES) return false;
        if (block.last < since) continue;
        const events = readEvents(block, since);
        parts.push(events);
        count += events.length;
        bytes += block.body.length;
      }
      return true;
    };
    let more = take(memory);
    for (const segment of segments.toReversed()) {
      if (!more || segment.written < since) break;
      more = take(findBlocks(await readSegment(segment)));
    }
    const events = parts.toReversed().flat();
    return events.length > limit ? events.slice(-limit) : events;
  }
}

async function readSegment(segment: Segment): Promise<Buffer> {
  try {
    const bytes = await readFile(segment.path);
    return bytes.subarray(0, segment.bytes);
  } catch (error) {
    // Rotated away since the list was made.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
