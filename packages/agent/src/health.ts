/** Whether this instance can still do what it is for (row X22). */
import { randomBytes } from 'node:crypto';
import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** With less, the next function's code may not find room. */
const LEAST_DISK_BYTES = 64 * 1024 * 1024;
const PROBE_BYTES = 4096;

export interface Vitals {
  /** Directory on the disk that code is kept on. */
  readonly disk: string;
  /** Forks a sandbox and ends it: rejects where there is no zygote, slot, process or memory for it. */
  readonly fork: () => Promise<void>;
}

/** What is wrong, each in a few words; none where all is well. */
export async function examine({ disk, fork }: Vitals): Promise<string[]> {
  const problems: string[] = [];
  const found = async (what: string, look: () => Promise<void>): Promise<void> => {
    try {
      await look();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  };
  await found('no sandbox can be forked', fork);
  await found('the disk', () => checkDisk(disk));
  return problems;
}

/** What is written must be read again as it was. */
async function checkDisk(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < LEAST_DISK_BYTES)
    throw new Error(`only ${Math.floor((bavail * bsize) / 1024 / 1024)} MB are free`);
  const path = join(directory, 'health-probe');
  const written = randomBytes(PROBE_BYTES);
  try {
    await writeFile(path, written);
    if (!written.equals(await readFile(path))) throw new Error('what is read is not what was written');
  } finally {
    await rm(path, { force: true });
  }
}
