import type { AccountRecord, KeyRecord } from '../../auth/accounts/account.ts';
import type { AccountStore } from '../../auth/accounts/ports.ts';
import type { AccountRequest } from './account-worker.ts';
import { DatabaseThread } from './thread.ts';

/** Accounts and their keys in an SQLite file, which a thread of its own owns. */
export class SqliteAccountStore implements AccountStore {
  readonly #thread: DatabaseThread<AccountRequest>;

  private constructor(thread: DatabaseThread<AccountRequest>) {
    this.#thread = thread;
  }

  /** Opens or creates the file; see {@link DatabaseThread.open}. */
  static async open(file: string): Promise<SqliteAccountStore> {
    return new SqliteAccountStore(
      await DatabaseThread.open(new URL('account-worker.ts', import.meta.url), file, 'account'),
    );
  }

  all(): Promise<{ accounts: AccountRecord[]; keys: KeyRecord[] }> {
    return this.#thread.ask({ type: 'all' });
  }

  putAccount(record: AccountRecord): Promise<void> {
    return this.#thread.ask({ type: 'put-account', record });
  }

  deleteAccount(id: string): Promise<void> {
    return this.#thread.ask({ type: 'delete-account', id });
  }

  putKey(record: KeyRecord): Promise<void> {
    return this.#thread.ask({ type: 'put-key', record });
  }

  deleteKey(id: string): Promise<void> {
    return this.#thread.ask({ type: 'delete-key', id });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}
