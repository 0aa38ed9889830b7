import { constants, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { segmentHeader } from './layout.ts';
import type { Clock } from './event.ts';

/** A file of blocks. Only its newest one is appended to; the oldest are removed to stay within the limits. */
export interface Segment {
  /** Its own as long as the server lives; a path may be used again. */
  readonly id: number;
  readonly path: string;
  readonly number: number;
  /** Bytes that are known to be written; what stands behind them is not read. */
  bytes: number;
  /** When it was last written, ms since the epoch. */
  written: number;
}

export interface SegmentLimits {
  /** Bytes of files of one log group. */
  groupBytes: number;
  /** Bytes of files of all log groups of all accounts. */
  totalBytes: number;
  /** Descriptors kept open between writes. */
  openFiles: number;
}

/** A log group has this many segments when it is at its limit: each rotation drops this fraction of its past. */
const SEGMENTS_PER_GROUP = 8;
/** Eviction goes on to this share of the limit, so that it does not have to run again for the next block. */
const EVICT_TO = 0.9;

/** The files of all log groups. Knows paths, sizes and ages; nothing of what is in them. */
export class Segments implements AsyncDisposable {
  /** Resolves when the files of a former life are known. Reading and appending wait for it. */
  readonly ready: Promise<void>;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #limits: SegmentLimits;
  readonly #groups = new Map<string, Segment[]>();
  readonly #open = new Map<string, FileHandle>();
  readonly #busy = new Set<string>();
  #total = 0;
  #ids = 0;

  constructor(root: string, clock: Clock, limits: SegmentLimits) {
    this.#root = resolve(root);
    this.#clock = clock;
    this.#limits = limits;
    this.ready = this.#scan();
  }

  get totalBytes(): number {
    return this.#total;
  }

  /** A log group's segments, oldest first; the array is the caller's own. */
  list(directory: string): Segment[] {
    return (this.#groups.get(directory) ?? []).map((segment) => ({ ...segment }));
  }

  /** The directories of all groups that have files. */
  directories(): IterableIterator<string> {
    return this.#groups.keys();
  }

  /** Bytes of a log group's files. */
  bytes(directory: string): number {
    return (this.#groups.get(directory) ?? []).reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Removes a log group's files that were last written before `time`, ms since the epoch. */
  async removeBefore(directory: string, time: number): Promise<void> {
    for (const segment of this.#groups.get(directory)?.filter(({ written }) => written < time) ?? []) {
      if (!this.#busy.has(directory)) await this.#remove(directory, segment);
    }
  }

  /**
   * Appends to a log group's newest segment. At most one append for a group may be under way. `onWritten` is called in
   * the same step that makes the bytes visible to {@link list}: who holds a copy for readers forgets it there.
   *
   * @throws the system's error where the disk does not take them; nothing is visible then.
   */
  async append(directory: string, group: string, buffers: Buffer[], onWritten: () => void): Promise<void> {
    await this.ready;
    this.#busy.add(directory);
    try {
      const segment = await this.#current(directory, group);
      const bytes = await writeAll(await this.#handle(segment.path), buffers, segment.bytes);
      segment.bytes += bytes;
      segment.written = this.#clock.now();
      this.#total += bytes;
      onWritten();
    } finally {
      this.#busy.delete(directory);
    }
    await this.#trim(directory);
    await this.#closeSurplus(this.#limits.openFiles);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeSurplus(0);
  }

  /** Removes the oldest segments until all limits hold again. */
  async #trim(directory: string): Promise<void> {
    const own = this.#groups.get(directory) ?? [];
    let bytes = own.reduce((sum, segment) => sum + segment.bytes, 0);
    while (bytes > this.#limits.groupBytes && own.length > 1) {
      const oldest = own[0] as Segment;
      bytes -= oldest.bytes;
      await this.#remove(directory, oldest);
    }
    if (this.#total <= this.#limits.totalBytes) return;
    const all = [...this.#groups].flatMap(([of, segments]) => segments.map((segment) => ({ of, segment })));
    all.sort((x, y) => x.segment.written - y.segment.written);
    for (const { of, segment } of all) {
      if (this.#total <= this.#limits.totalBytes * EVICT_TO) break;
      if (!this.#busy.has(of)) await this.#remove(of, segment);
    }
  }

  async #scan(): Promise<void> {
    const entries = (await readdir(this.#root, { recursive: true }).catch(ignoreAbsent)) ?? [];
    for (const entry of entries) {
      const match = /^(.+)\/(\d{8})\.log$/.exec(entry);
      if (match === null) continue;
      const [, directory = '', number = ''] = match;
      const path = join(this.#root, entry);
      const found = await stat(path).catch(ignoreAbsent);
      if (found === undefined) continue;
      const segments = this.#groups.get(directory) ?? [];
      segments.push({ id: ++this.#ids, path, number: Number(number), bytes: found.size, written: found.mtimeMs });
      this.#groups.set(directory, segments);
      this.#total += found.size;
    }
    for (const segments of this.#groups.values()) segments.sort((a, b) => a.number - b.number);
  }

  async #current(directory: string, group: string): Promise<Segment> {
    let segments = this.#groups.get(directory);
    if (segments === undefined) {
      segments = [];
      this.#groups.set(directory, segments);
    }
    const newest = segments.at(-1);
    const limit = this.#limits.groupBytes / SEGMENTS_PER_GROUP;
    if (newest !== undefined && newest.bytes < limit) return newest;
    await mkdir(join(this.#root, directory), { recursive: true });
    const number = (newest?.number ?? 0) + 1;
    const path = join(this.#root, directory, `${String(number).padStart(8, '0')}.log`);
    const segment = { id: ++this.#ids, path, number, bytes: 0, written: this.#clock.now() };
    const header = segmentHeader(group);
    await writeAll(await this.#handle(path), [header], 0);
    segment.bytes = header.length;
    this.#total += header.length;
    segments.push(segment);
    return segment;
  }

  async #handle(path: string): Promise<FileHandle> {
    // Last used goes last: the first of the map is the one to close.
    let handle = this.#open.get(path);
    if (handle !== undefined) this.#open.delete(path);
    else handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#open.set(path, handle);
    return handle;
  }

  async #closeSurplus(limit: number): Promise<void> {
    for (const [path, handle] of this.#open) {
      if (this.#open.size <= limit) return;
      if (this.#busy.has(dirname(path).slice(this.#root.length + 1))) continue;
      this.#open.delete(path);
      await handle.close();
    }
  }

  async #remove(directory: string, segment: Segment): Promise<void> {
    const segments = this.#groups.get(directory) ?? [];
    const index = segments.indexOf(segment);
    if (index < 0) return;
    segments.splice(index, 1);
    if (segments.length === 0) this.#groups.delete(directory);
    this.#total -= segment.bytes;
    const handle = this.#open.get(segment.path);
    this.#open.delete(segment.path);
    await handle?.close();
    await unlink(segment.path).catch(ignoreAbsent);
  }
}

/** What was removed by hand in the meantime is as good as never there. */
function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

async function writeAll(handle: FileHandle, buffers: Buffer[], position: number): Promise<number> {
  const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const { bytesWritten } = await handle.writev(buffers, position);
  // A short write is rare (a disk that fills up): what is left goes again from one buffer, and fails with the reason.
  let written = bytesWritten;
  if (written < total) {
    const rest = Buffer.concat(buffers);
    while (written < total) {
      written += (await handle.write(rest, written, total - written, position + written)).bytesWritten;
    }
  }
  return total;
}
