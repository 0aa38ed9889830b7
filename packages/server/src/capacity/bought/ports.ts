import type { FunctionSpec } from '@hearth/protocol';
import type { AccountPolicy } from './overflow.ts';
import type { Purchase } from './purchase.ts';
import type { UsageRow } from './usage.ts';

/** Where purchases, policies and usage are kept. Every adapter passes storage/conformance/capacity-store.ts. */
export interface CapacityStore extends AsyncDisposable {
  /** All purchases and policies, in no particular order. */
  all(): Promise<{ purchases: Purchase[]; policies: AccountPolicy[] }>;
  /** Each resolves once the change would survive a loss of power; what was there is replaced. */
  putPurchase(purchase: Purchase): Promise<void>;
  /** One that isn't there is no error. */
  deletePurchase(id: string): Promise<void>;
  putPolicy(policy: AccountPolicy): Promise<void>;
  /** Adds to what is there for the same account, class and hour; all of it or nothing. */
  addUsage(rows: readonly UsageRow[]): Promise<void>;
  /** Of hours that begin in this span (milliseconds since the epoch, the second not included), oldest first. */
  usage(query: UsageQuery): Promise<UsageRow[]>;
}

export interface UsageQuery {
  /** All accounts if absent. */
  readonly account?: string;
  readonly from: number;
  readonly to: number;
}

/** Initialised sandboxes of a version that what is bought asks for. */
export interface PreparedVersion {
  readonly spec: FunctionSpec;
  readonly count: number;
}

/** Told whenever that may be others than before; by the versions' keys. */
export type OnPrepared = (wanted: ReadonlyMap<string, PreparedVersion>) => void;

/**
 * The function version that a name means at present, as the account's own requests would find it; undefined where there is none.
 * Never throws.
 */
export type FindFunction = (account: string, region: string, name: string) => FunctionSpec | undefined;
