import type { LayerId, LayerVersionId, LayerVersionRecord } from './layer-record.ts';

/** Where layers are kept. Every adapter passes storage/conformance/layer-store.ts. */
export interface LayerStore {
  /** All versions that were not deleted, in no particular order, and all layers, also those with no version left. */
  all(): Promise<{ versions: LayerVersionRecord[]; layers: LayerRecord[] }>;
  /** Resolves once the record would survive a loss of power; replaces what was there. */
  put(record: LayerVersionRecord): Promise<void>;
  /** Resolves once the record is gone for good; a version that isn't there is no error. Its number stays taken. */
  delete(id: LayerVersionId): Promise<void>;
}

/** What is known of a layer even when all its versions have been deleted. */
export interface LayerRecord extends LayerId {
  /** The highest version that was ever put. */
  readonly lastVersion: number;
}
