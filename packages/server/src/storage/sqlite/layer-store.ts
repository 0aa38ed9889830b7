import type { LayerVersionId, LayerVersionRecord } from '../../functions/layers/layer-record.ts';
import type { LayerRecord, LayerStore } from '../../functions/layers/ports.ts';
import type { LayerRequest } from './layer-tables.ts';
import type { DatabaseThread } from './thread.ts';

/** Layers beside functions in one file. The thread that owns it is the metadata store's: another would take some 20 MB. */
export class SqliteLayerStore implements LayerStore {
  readonly #thread: Pick<DatabaseThread<LayerRequest>, 'ask'>;

  constructor(thread: Pick<DatabaseThread<LayerRequest>, 'ask'>) {
    this.#thread = thread;
  }

  all(): Promise<{ versions: LayerVersionRecord[]; layers: LayerRecord[] }> {
    return this.#thread.ask({ type: 'all-layers' });
  }

  put(record: LayerVersionRecord): Promise<void> {
    return this.#thread.ask({ type: 'put-layer-version', record });
  }

  delete({ account, region, name, version }: LayerVersionId): Promise<void> {
    return this.#thread.ask({ type: 'delete-layer-version', id: { account, region, name, version } });
  }
}
