import type { AccountPolicy } from '../../capacity/bought/overflow.ts';
import type { CapacityStore, UsageQuery } from '../../capacity/bought/ports.ts';
import type { Purchase } from '../../capacity/bought/purchase.ts';
import type { UsageRow } from '../../capacity/bought/usage.ts';
import type { CapacityRequest } from './capacity-worker.ts';
import { DatabaseThread } from './thread.ts';

/** Bought capacity, and what was used of it, in an SQLite file, which a thread of its own owns. */
export class SqliteCapacityStore implements CapacityStore {
  readonly #thread: DatabaseThread<CapacityRequest>;

  private constructor(thread: DatabaseThread<CapacityRequest>) {
    this.#thread = thread;
  }

  /** Opens or creates the file; see {@link DatabaseThread.open}. */
  static async open(file: string): Promise<SqliteCapacityStore> {
    return new SqliteCapacityStore(
      await DatabaseThread.open(new URL('capacity-worker.ts', import.meta.url), file, 'capacity'),
    );
  }

  all(): Promise<{ purchases: Purchase[]; policies: AccountPolicy[] }> {
    return this.#thread.ask({ type: 'all' });
  }

  putPurchase(record: Purchase): Promise<void> {
    return this.#thread.ask({ type: 'put-purchase', record });
  }

  deletePurchase(id: string): Promise<void> {
    return this.#thread.ask({ type: 'delete-purchase', id });
  }

  putPolicy(record: AccountPolicy): Promise<void> {
    return this.#thread.ask({ type: 'put-policy', record });
  }

  addUsage(rows: readonly UsageRow[]): Promise<void> {
    return this.#thread.ask({ type: 'add-usage', rows });
  }

  usage(query: UsageQuery): Promise<UsageRow[]> {
    return this.#thread.ask({ type: 'usage', query });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}
