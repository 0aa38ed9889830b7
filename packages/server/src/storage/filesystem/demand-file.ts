import { readFile, rename, writeFile } from 'node:fs/promises';
import type { DemandHistory, HistoryStore } from '../../capacity/history.ts';

/** The history of demand as one JSON file of about 20 KB, replaced as a whole. It isn't synced: a lost one is learnt anew. */
export class DemandFile implements HistoryStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<DemandHistory | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as DemandHistory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async save(history: DemandHistory): Promise<void> {
    const fresh = `${this.#path}.new`;
    await writeFile(fresh, JSON.stringify(history), { mode: 0o600 });
    await rename(fresh, this.#path);
  }
}
