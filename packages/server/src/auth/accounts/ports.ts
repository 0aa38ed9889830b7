import type { AccountRecord, KeyRecord } from './account.ts';

/** Where accounts and their keys are kept. Every adapter passes storage/conformance/account-store.ts. */
export interface AccountStore extends AsyncDisposable {
  /** All accounts and keys, in no particular order. */
  all(): Promise<{ accounts: AccountRecord[]; keys: KeyRecord[] }>;
  /** Each resolves once the change would survive a loss of power; what was there is replaced. */
  putAccount(account: AccountRecord): Promise<void>;
  /** With all its keys; an account that isn't there is no error. */
  deleteAccount(id: string): Promise<void>;
  putKey(key: KeyRecord): Promise<void>;
  /** A key that isn't there is no error. */
  deleteKey(id: string): Promise<void>;
}
