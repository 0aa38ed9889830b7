import type { CapacityProviderStore } from '../../functions/capacity-providers/ports.ts';
import type { CapacityProviderId, CapacityProviderRecord } from '../../functions/capacity-providers/record.ts';
import type { CapacityProviderRequest } from './capacity-provider-table.ts';
import type { DatabaseThread } from './thread.ts';

/** Capacity providers beside functions in one file, by the metadata store's thread. */
export class SqliteCapacityProviderStore implements CapacityProviderStore {
  readonly #thread: Pick<DatabaseThread<CapacityProviderRequest>, 'ask'>;

  constructor(thread: Pick<DatabaseThread<CapacityProviderRequest>, 'ask'>) {
    this.#thread = thread;
  }

  all(): Promise<CapacityProviderRecord[]> {
    return this.#thread.ask({ type: 'all-capacity-providers' });
  }

  put(record: CapacityProviderRecord): Promise<void> {
    return this.#thread.ask({ type: 'put-capacity-provider', record });
  }

  delete({ account, region, name }: CapacityProviderId): Promise<void> {
    return this.#thread.ask({ type: 'delete-capacity-provider', id: { account, region, name } });
  }
}
