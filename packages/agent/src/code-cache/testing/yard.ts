/** A place to unpack in, beside files that no archive may touch. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpack } from '../unpack.ts';
import { type TestEntry, zipOf } from './zip.ts';

export class Yard implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-unpack-'));
  readonly target = join(this.directory, 'target');
  /** What an archive would like to reach. */
  readonly outside = join(this.directory, 'outside');
  readonly #before: Record<string, string>;

  constructor() {
    fs.mkdirSync(this.target);
    fs.mkdirSync(join(this.outside, 'a'), { recursive: true });
    for (const name of ['a/b', 'b', 'secret']) fs.writeFileSync(join(this.outside, name), 'untouched');
    this.#before = treeOf(this.outside);
  }

  async unpack(archive: Buffer | readonly TestEntry[]): Promise<void> {
    const path = join(this.directory, 'archive.zip');
    fs.writeFileSync(path, Buffer.isBuffer(archive) ? archive : zipOf(archive));
    try {
      await unpack(path, this.target);
    } finally {
      fs.rmSync(path);
    }
  }

  /** What stands in the target, by path; see {@link treeOf}. */
  unpacked(): Record<string, string> {
    return treeOf(this.target);
  }

  /** What was there before and is not as it was, or is there now and was not. */
  touched(): string[] {
    const [before, after] = [this.#before, treeOf(this.outside)];
    const changed = Object.keys({ ...before, ...after }).filter((path) => before[path] !== after[path]);
    const strangers = fs.readdirSync(this.directory).filter((name) => name !== 'target' && name !== 'outside');
    return [...changed, ...strangers];
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true });
  }
}

/** Kind, permissions and content of all below a directory, by path. */
export function treeOf(directory: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(directory)) {
    const path = join(directory, name);
    const { mode } = fs.lstatSync(path);
    const permissions = (mode & 0o7777).toString(8);
    if ((mode & fs.constants.S_IFMT) === fs.constants.S_IFLNK) {
      found[prefix + name] = `-> ${fs.readlinkSync(path)}`;
    } else if ((mode & fs.constants.S_IFMT) === fs.constants.S_IFDIR) {
      found[`${prefix}${name}/`] = permissions;
      Object.assign(found, treeOf(path, `${prefix}${name}/`));
    } else {
      found[prefix + name] = `${permissions} ${fs.readFileSync(path, 'latin1')}`;
    }
  }
  return found;
}
