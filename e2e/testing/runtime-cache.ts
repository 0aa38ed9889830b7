/** Runtimes that one test has fetched from the npm registry serve the others: a fetch takes ten seconds. */
import * as fs from 'node:fs';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/hearth-runtimes');

/** Puts a runtime into a data directory before its server starts; without one kept, that server fetches it. */
export function seedRuntime(name: string, dataDirectory: string): void {
  const kept = join(CACHE, name);
  const target = join(dataDirectory, 'runtimes', name);
  if (fs.existsSync(kept) && !fs.existsSync(target)) fs.cpSync(kept, target, { recursive: true });
}

/** Keeps the runtimes that a server has fetched. */
export function keepRuntimes(dataDirectory: string): void {
  const runtimes = join(dataDirectory, 'runtimes');
  if (!fs.existsSync(runtimes)) return;
  for (const name of fs.readdirSync(runtimes)) {
    const kept = join(CACHE, name);
    if (fs.existsSync(kept)) continue;
    const next = `${kept}.${process.pid}`;
    fs.cpSync(join(runtimes, name), next, { recursive: true });
    try {
      fs.renameSync(next, kept);
    } catch (error) {
      // Another test was quicker.
      fs.rmSync(next, { recursive: true });
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}
