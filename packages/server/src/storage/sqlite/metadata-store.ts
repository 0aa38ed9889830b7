import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionId, MetadataStore } from '../../functions/ports.ts';
import type { MetadataRequest } from './metadata-worker.ts';
import { DatabaseThread } from './thread.ts';

/** Functions in an SQLite file, which a thread of its own owns. */
export class SqliteMetadataStore implements MetadataStore {
  readonly #thread: DatabaseThread<MetadataRequest>;

  private constructor(thread: DatabaseThread<MetadataRequest>) {
    this.#thread = thread;
  }

  /** Opens or creates the file; see {@link DatabaseThread.open}. */
  static async open(file: string): Promise<SqliteMetadataStore> {
    return new SqliteMetadataStore(
      await DatabaseThread.open(new URL('metadata-worker.ts', import.meta.url), file, 'metadata'),
    );
  }

  all(): Promise<FunctionRecord[]> {
    return this.#thread.ask({ type: 'all' });
  }

  put(record: FunctionRecord): Promise<void> {
    return this.#thread.ask({ type: 'put', record });
  }

  delete({ account, region, name }: FunctionId): Promise<void> {
    return this.#thread.ask({ type: 'delete', function: { account, region, name } });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}
