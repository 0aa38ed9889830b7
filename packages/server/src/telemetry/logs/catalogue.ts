import { constants, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { GroupRecord, LogOwner } from '../../logs/ports.ts';
import { groupDirectory, groupOf, headerGroup, ownerDirectory } from './layout.ts';
import type { Segments } from './segments.ts';

/** A line of the journal: a group as it is from now on, or its end. */
interface Line extends LogOwner {
  readonly name: string;
  readonly group?: GroupRecord;
}

/** The journal is written anew when it has this many lines more than twice the groups. */
const SLACK = 1000;

/**
 * Which log groups there are: a journal of changes, one JSON object a line, read once. A line that is torn is ignored. A
 * group whose line was lost but that has files is there all the same.
 */
export class Catalogue {
  /** Resolves when the groups of a former life are known. */
  readonly ready: Promise<void>;
  readonly #path: string;
  /** By the owner's directory, then by the group's. */
  readonly #owners = new Map<string, Map<string, GroupRecord>>();
  #lines = 0;
  #pending: string[] = [];
  #write: Promise<void> | undefined;

  constructor(root: string, segments: Segments) {
    this.#path = join(root, 'groups.jsonl');
    this.ready = this.#read(root, segments);
  }

  has(directory: string): boolean {
    return this.#owners.get(dirname(directory))?.has(directory) === true;
  }

  get(owner: LogOwner, name: string): GroupRecord | undefined {
    return this.#owners.get(ownerDirectory(owner))?.get(groupDirectory(owner, name));
  }

  /** An owner's groups, in no particular order. */
  list(owner: LogOwner): Iterable<GroupRecord> {
    return this.#owners.get(ownerDirectory(owner))?.values() ?? [];
  }

  /** All groups with their owners. */
  *all(): Generator<{ owner: LogOwner; group: GroupRecord }> {
    for (const [directory, groups] of this.#owners) {
      const [account = '', region = ''] = directory.split('/');
      for (const group of groups.values()) yield { owner: { account, region }, group };
    }
  }

  /** Makes a group that isn't there; one that is stays as it is. */
  async ensure(owner: LogOwner, group: GroupRecord): Promise<void> {
    // What a former life knows of the group counts.
    await this.ready;
    if (!this.has(groupDirectory(owner, group.name))) await this.put(owner, group);
  }

  /** The group is there at once; resolves when that would survive a loss of power. Replaces what was there. */
  put({ account, region }: LogOwner, group: GroupRecord): Promise<void> {
    this.#set({ account, region, name: group.name, group });
    return this.#append({ account, region, name: group.name, group });
  }

  /** A group that isn't there is no error. */
  async delete(directory: string): Promise<void> {
    const owner = groupOf(directory)?.owner;
    const name = this.#owners.get(dirname(directory))?.get(directory)?.name;
    if (owner === undefined || name === undefined) return;
    this.#set({ ...owner, name });
    await this.#append({ ...owner, name });
  }

  /** Resolves when all changes so far are on disk or have failed; their callers know which. */
  async settled(): Promise<void> {
    await this.#write?.catch(() => {});
  }

  #set(line: Line): void {
    const directory = ownerDirectory(line);
    const key = groupDirectory(line, line.name);
    const groups = this.#owners.get(directory) ?? new Map<string, GroupRecord>();
    this.#owners.set(directory, groups);
    if (line.group === undefined) groups.delete(key);
    else groups.set(key, line.group);
  }

  /** One write at a time; those who come meanwhile share the next. */
  async #append(line: Line): Promise<void> {
    this.#pending.push(`${JSON.stringify(line)}\n`);
    this.#write ??= this.#flush().finally(() => {
      this.#write = undefined;
    });
    await this.#write;
  }

  async #flush(): Promise<void> {
    await this.ready;
    while (this.#pending.length > 0) {
      const lines = this.#pending;
      this.#pending = [];
      const count = [...this.#owners.values()].reduce((sum, { size }) => sum + size, 0);
      if (this.#lines > 2 * count + SLACK) await this.#rewrite(count);
      else await this.#extend(lines);
    }
  }

  async #extend(lines: readonly string[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await using file = await open(this.#path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
    await file.writeFile(lines.join(''));
    await file.datasync();
    this.#lines += lines.length;
  }

  async #rewrite(count: number): Promise<void> {
    const lines = [...this.all()].map(
      ({ owner, group }) => `${JSON.stringify({ ...owner, name: group.name, group })}\n`,
    );
    const next = `${this.#path}.next`;
    await writeFile(next, lines.join(''), { mode: 0o600, flush: true });
    await rename(next, this.#path);
    this.#lines = count;
  }

  async #read(root: string, segments: Segments): Promise<void> {
    await segments.ready;
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '';
    });
    for (const line of text.split('\n')) {
      const read = line === '' ? undefined : parse(line);
      if (read !== undefined) this.#set(read);
      this.#lines++;
    }
    // A torn last line must not take the next one with it.
    if (text !== '' && !text.endsWith('\n')) this.#pending.push('\n');
    for (const directory of segments.directories()) {
      if (!this.has(directory)) await this.#adopt(root, directory, segments);
    }
  }

  /** Enters a group of which only the files are left. */
  async #adopt(root: string, directory: string, segments: Segments): Promise<void> {
    const [oldest] = segments.list(directory);
    const owner = groupOf(directory)?.owner;
    if (oldest === undefined || owner === undefined) return;
    await using file = await open(oldest.path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const name = groupOf(directory)?.name ?? headerGroup(buffer.toString('utf8', 0, bytesRead).split('\n')[0] ?? '');
    if (name === undefined || groupDirectory(owner, name) !== directory) return;
    this.#set({ ...owner, name, group: { name, created: oldest.written, tags: {} } });
  }
}

function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    // Torn by the end of a former life: what it said was answered to nobody.
    return undefined;
  }
}
