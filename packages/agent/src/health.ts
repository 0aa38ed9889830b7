/** Whether this instance can still do what it is for (row X22). */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROBE_BYTES = 4096;
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

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

/**
 * What is written must be read again as it was. A disk that is full is no illness: other instances have the same, and what is loaded
 * here goes on.
 */
async function checkDisk(directory: string): Promise<void> {
  // Two may look at the same time.
  const path = join(directory, `health-probe-${randomUUID()}`);
  const written = randomBytes(PROBE_BYTES);
  try {
    await writeFile(path, written);
    if (!written.equals(await readFile(path))) throw new Error('what is read is not what was written');
  } catch (error) {
    if (!FULL.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(path, { force: true });
  }
}
