import type { LayerVersionId, LayerVersionRecord } from '../../functions/layers/layer-record.ts';
import type { LayerRecord, LayerStore } from '../../functions/layers/ports.ts';
import type { LayerRequest } from './layer-worker.ts';
import { DatabaseThread } from './thread.ts';

/** Layers in an SQLite file, which a thread of its own owns. */
export class SqliteLayerStore implements LayerStore {
  readonly #thread: DatabaseThread<LayerRequest>;

  private constructor(thread: DatabaseThread<LayerRequest>) {
    this.#thread = thread;
  }

  /** Opens or creates the file; see {@link DatabaseThread.open}. */
  static async open(file: string): Promise<SqliteLayerStore> {
    return new SqliteLayerStore(await DatabaseThread.open(new URL('layer-worker.ts', import.meta.url), file, 'layers'));
  }

  all(): Promise<{ versions: LayerVersionRecord[]; layers: LayerRecord[] }> {
    return this.#thread.ask({ type: 'all' });
  }

  put(record: LayerVersionRecord): Promise<void> {
    return this.#thread.ask({ type: 'put', record });
  }

  delete({ account, region, name, version }: LayerVersionId): Promise<void> {
    return this.#thread.ask({ type: 'delete', id: { account, region, name, version } });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}
