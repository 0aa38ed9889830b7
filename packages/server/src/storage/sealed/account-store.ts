import type { AccountRecord, KeyRecord } from '../../auth/accounts/account.ts';
import type { AccountStore } from '../../auth/accounts/ports.ts';
import { Changes } from './changes.ts';
import type { KeyRing } from './key-ring.ts';

/** Accounts and keys in any store, with the keys' secrets sealed. */
export class SealedAccountStore implements AccountStore {
  readonly #inner: AccountStore;
  readonly #ring: KeyRing;
  readonly #changes = new Changes();

  constructor(inner: AccountStore, ring: KeyRing) {
    this.#inner = inner;
    this.#ring = ring;
  }

  /** @throws MasterKeyError where one was sealed with another master key. */
  async all(): Promise<{ accounts: AccountRecord[]; keys: KeyRecord[] }> {
    const { accounts, keys } = await this.#inner.all();
    return { accounts, keys: keys.map((key) => ({ ...key, secret: this.#ring.open(key.secret, contextOf(key)) })) };
  }

  putAccount(account: AccountRecord): Promise<void> {
    return this.#inner.putAccount(account);
  }

  deleteAccount(id: string): Promise<void> {
    // Of all of its keys none may come back.
    this.#changes.note(id);
    return this.#inner.deleteAccount(id);
  }

  putKey(key: KeyRecord): Promise<void> {
    this.#changes.note(key.id);
    return this.#inner.putKey({ ...key, secret: this.#ring.seal(key.secret, contextOf(key)) });
  }

  deleteKey(id: string): Promise<void> {
    this.#changes.note(id);
    return this.#inner.deleteKey(id);
  }

  /** Seals with the current master key what isn't yet. */
  async reseal(): Promise<void> {
    await this.#changes.during(async (changed) => {
      for (const key of (await this.#inner.all()).keys) {
        if (this.#ring.isCurrent(key.secret) || changed(key.id) || changed(key.account)) continue;
        const secret = this.#ring.open(key.secret, contextOf(key));
        await this.#inner.putKey({ ...key, secret: this.#ring.seal(secret, contextOf(key)) });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}

function contextOf({ id, account }: { id: string; account: string }): string {
  return `the secret of key ${id} of account ${account}`;
}
