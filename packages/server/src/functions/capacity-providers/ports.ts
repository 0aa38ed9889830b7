import type { CapacityProviderId, CapacityProviderRecord } from './record.ts';

/** Where capacity providers are kept. Every adapter passes storage/conformance/capacity-provider-store.ts. */
export interface CapacityProviderStore {
  /** In no particular order. */
  all(): Promise<CapacityProviderRecord[]>;
  /** Resolves once the record would survive a loss of power; replaces what was there. */
  put(record: CapacityProviderRecord): Promise<void>;
  /** Resolves once it is gone for good; one that isn't there is no error. */
  delete(id: CapacityProviderId): Promise<void>;
}
