import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

/** Entries after which others have their turn: a millisecond's worth. */
const AT_A_TIME = 100;
/** What a directory or a link takes of a disk. */
const BLOCK = 4096;

/**
 * Fills a directory with the files of others: where several have one of the same path, the last one's stays, whatever kind it and
 * those before it are; directories that several have are merged. Files are hard links, so that their data is on the disk, and in
 * memory, once. Links are never followed.
 *
 * @param sources on the target's filesystem; nothing in them changes afterwards.
 * @returns about how many bytes of the disk it takes beside what the sources do.
 */
export async function mergeTrees(sources: readonly string[], target: string): Promise<number> {
  let own = 1;
  let entries = 0;
  const lay = async (source: string, directory: string): Promise<void> => {
    for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
      if (++entries % AT_A_TIME === 0) await turn();
      const from = join(source, entry.name);
      const to = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (makeDirectory(to)) own++;
        await lay(from, to);
      } else if (entry.isSymbolicLink()) {
        own++;
        const destination = fs.readlinkSync(from);
        anew(to, () => fs.symlinkSync(destination, to));
      } else {
        anew(to, () => fs.linkSync(from, to));
      }
    }
  };
  for (const source of sources) await lay(source, target);
  return own * BLOCK;
}

/** @returns whether there was none yet. */
function makeDirectory(path: string): boolean {
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false;
  anew(path, () => fs.mkdirSync(path, 0o755));
  return true;
}

/** Makes something in the place of whatever stands there. */
function anew(path: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    fs.rmSync(path, { recursive: true });
    make();
  }
}
