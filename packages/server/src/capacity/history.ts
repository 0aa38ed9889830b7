import type { SavedProfile } from './trend/profile.ts';

/** What the fleet has learnt of its own demand. */
export interface DemandHistory {
  readonly draws: SavedProfile;
  readonly load: SavedProfile;
}

/** Keeps the history over restarts of the server. */
export interface HistoryStore {
  /** What was saved last; undefined where nothing was, or it can't be read. */
  load(): Promise<DemandHistory | undefined>;
  /** Rejects where it can't be written; what was saved before is then still there. */
  save(history: DemandHistory): Promise<void>;
}
