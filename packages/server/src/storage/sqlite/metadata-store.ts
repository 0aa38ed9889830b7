import type { FunctionId, FunctionRecord, VersionRecord } from '../../functions/function-record.ts';
import type { MetadataStore } from '../../functions/ports.ts';
import { SqliteCapacityProviderStore } from './capacity-provider-store.ts';
import type { CapacityProviderRequest } from './capacity-provider-table.ts';
import { SqliteLayerStore } from './layer-store.ts';
import type { LayerRequest } from './layer-tables.ts';
import type { MetadataRequest } from './metadata-worker.ts';
import { DatabaseThread } from './thread.ts';

type Request = MetadataRequest | LayerRequest | CapacityProviderRequest;

/** Functions and their versions in an SQLite file, which a thread of its own owns. */
export class SqliteMetadataStore implements MetadataStore {
  /** In the same file; it ends with this store. */
  readonly layers: SqliteLayerStore;
  /** In the same file too. */
  readonly capacityProviders: SqliteCapacityProviderStore;
  readonly #thread: DatabaseThread<Request>;

  private constructor(thread: DatabaseThread<Request>) {
    this.#thread = thread;
    this.layers = new SqliteLayerStore(thread);
    this.capacityProviders = new SqliteCapacityProviderStore(thread);
  }

  /** Opens or creates the file; see {@link DatabaseThread.open}. */
  static async open(file: string): Promise<SqliteMetadataStore> {
    return new SqliteMetadataStore(
      await DatabaseThread.open(new URL('metadata-worker.ts', import.meta.url), file, 'metadata'),
    );
  }

  all(): Promise<{ functions: FunctionRecord[]; versions: VersionRecord[] }> {
    return this.#thread.ask({ type: 'all' });
  }

  put(record: FunctionRecord, published?: VersionRecord): Promise<void> {
    return this.#thread.ask({ type: 'put', record, published });
  }

  putVersion(version: VersionRecord): Promise<void> {
    return this.#thread.ask({ type: 'put-version', version });
  }

  delete({ account, region, name }: FunctionId): Promise<void> {
    return this.#thread.ask({ type: 'delete', function: { account, region, name } });
  }

  deleteVersion({ account, region, name }: FunctionId, version: number): Promise<void> {
    return this.#thread.ask({ type: 'delete-version', function: { account, region, name }, version });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}
