import { randomBytes, randomInt } from 'node:crypto';
import { ApiError } from '@hearth/protocol';
import { base32 } from '../base32.ts';
import type { Credential, Credentials } from '../credential.ts';
import { AccessKey } from './access-key.ts';
import { MAX_ACTIVE_KEYS, MAX_KEYS } from './account.ts';
import type { AccountLimits, AccountRecord, KeyRecord, KeyStatus } from './account.ts';
import type { AccountStore } from './ports.ts';

/** Time between two looks at which keys have been used since. */
const USE_INTERVAL_MS = 60_000;

const NO_LIMITS: AccountLimits = {};

export interface AccountsOptions {
  readonly store: AccountStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls back again and again, without keeping the process alive. */
  readonly repeat: (milliseconds: number, callback: () => void) => Disposable;
  /** Told what went wrong in the background. */
  readonly onError: (error: unknown) => void;
}

/** An account as an operator sees it: without secrets. */
export interface AccountView extends AccountRecord {
  readonly keys: readonly KeyView[];
}

export interface KeyView extends Omit<KeyRecord, 'secret'> {}

interface Account {
  record: AccountRecord;
  readonly keys: Map<string, AccessKey>;
}

/**
 * The accounts of this installation and their keys. Reads are answered from memory; a change is on disk before it is
 * answered, and takes effect at once. Changes follow each other. All methods throw ApiError.
 */
export class Accounts implements Credentials, AsyncDisposable {
  readonly #options: AccountsOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #keys = new Map<string, AccessKey>();
  readonly #timer: Disposable;
  /** The last change that was begun. */
  #change: Promise<unknown> = Promise.resolve();

  private constructor(options: AccountsOptions) {
    this.#options = options;
    this.#timer = options.repeat(USE_INTERVAL_MS, () => {
      this.#exclusively(() => this.#storeUse()).catch(options.onError);
    });
  }

  /** Loads all accounts. The store stays the caller's to dispose. */
  static async open(options: AccountsOptions): Promise<Accounts> {
    const accounts = new Accounts(options);
    const found = await options.store.all();
    for (const record of found.accounts) accounts.#accounts.set(record.id, { record, keys: new Map() });
    for (const record of found.keys) accounts.#remember(new AccessKey(record));
    return accounts;
  }

  find(accessKeyId: string): Credential | undefined {
    return this.#keys.get(accessKeyId);
  }

  exists(account: string): boolean {
    return this.#accounts.has(account);
  }

  /** What an account may use; empty for one that isn't there. */
  limits(account: string): AccountLimits {
    return this.#accounts.get(account)?.record.limits ?? NO_LIMITS;
  }

  get size(): number {
    return this.#accounts.size;
  }

  list(): AccountView[] {
    return [...this.#accounts.values()].map(view).sort((a, b) => a.createdAt - b.createdAt);
  }

  get(id: string): AccountView {
    return view(this.#account(id));
  }

  /** @param wanted 12 digits; an id that nobody has is chosen where it is left out. */
  create(name: string, limits: AccountLimits = {}, wanted?: string): Promise<AccountView> {
    return this.#exclusively(async () => {
      if (wanted !== undefined && this.#accounts.has(wanted)) {
        throw new ApiError('ResourceConflictException', `There is an account ${wanted} already.`);
      }
      let id = wanted;
      while (id === undefined || (id !== wanted && this.#accounts.has(id))) {
        id = String(randomInt(100_000_000_000, 1_000_000_000_000));
      }
      const account = { record: { id, name, createdAt: this.#options.now(), limits }, keys: new Map() };
      await this.#options.store.putAccount(account.record);
      this.#accounts.set(id, account);
      return view(account);
    });
  }

  /** Changes what is given, and nothing else. A limit of null is taken away. */
  update(id: string, change: { name?: string; limits?: { concurrency?: number | null } }): Promise<AccountView> {
    return this.#exclusively(async () => {
      const account = this.#account(id);
      const { concurrency = account.record.limits.concurrency } = change.limits ?? {};
      const record = {
        ...account.record,
        name: change.name ?? account.record.name,
        limits: concurrency === undefined || concurrency === null ? {} : { concurrency },
      };
      await this.#options.store.putAccount(record);
      account.record = record;
      return view(account);
    });
  }

  /** Its keys, and the credentials of its functions, stop working at once. */
  delete(id: string): Promise<void> {
    return this.#exclusively(async () => {
      const account = this.#account(id);
      await this.#options.store.deleteAccount(id);
      this.#accounts.delete(id);
      for (const key of account.keys.values()) this.#forget(key);
    });
  }

  /** Makes a key; its secret is never told again. */
  createKey(id: string): Promise<KeyRecord> {
    return this.#exclusively(async () => {
      const account = this.#account(id);
      checkRoom(account);
      if (account.keys.size >= MAX_KEYS) {
        throw new ApiError(
          'ResourceConflictException',
          `Account ${id} has ${MAX_KEYS} keys. Hint: delete one that is not needed:  hearth account key delete ${id} KEY`,
        );
      }
      const record: KeyRecord = {
        id: `AKIA${base32(randomBytes(10))}`,
        account: id,
        secret: randomBytes(30).toString('base64'),
        status: 'Active',
        createdAt: this.#options.now(),
      };
      await this.#options.store.putKey(record);
      this.#remember(new AccessKey(record));
      return record;
    });
  }

  setKeyStatus(id: string, keyId: string, status: KeyStatus): Promise<KeyView> {
    return this.#exclusively(async () => {
      const account = this.#account(id);
      const key = this.#key(account, keyId);
      if (status === 'Active' && key.record.status !== 'Active') checkRoom(account);
      const record = { ...stored(key), status };
      await this.#options.store.putKey(record);
      key.record = record;
      return keyView(key);
    });
  }

  deleteKey(id: string, keyId: string): Promise<void> {
    return this.#exclusively(async () => {
      const account = this.#account(id);
      const key = this.#key(account, keyId);
      await this.#options.store.deleteKey(keyId);
      account.keys.delete(keyId);
      this.#forget(key);
    });
  }

  /** Writes down when keys were used last. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#exclusively(() => this.#storeUse());
  }

  async #storeUse(): Promise<void> {
    for (const key of this.#keys.values()) {
      if (key.lastUsedAt === key.storedUseAt) continue;
      const record = stored(key);
      await this.#options.store.putKey(record);
      key.storedUseAt = record.lastUsedAt;
    }
  }

  #remember(key: AccessKey): void {
    this.#accounts.get(key.account)?.keys.set(key.record.id, key);
    this.#keys.set(key.record.id, key);
  }

  #forget(key: AccessKey): void {
    key.deleted = true;
    this.#keys.delete(key.record.id);
  }

  #account(id: string): Account {
    const found = this.#accounts.get(id);
    if (found !== undefined) return found;
    throw new ApiError(
      'ResourceNotFoundException',
      `There is no account ${JSON.stringify(id)}. Hint:  hearth account list  shows those there are.`,
    );
  }

  #key(account: Account, keyId: string): AccessKey {
    const found = account.keys.get(keyId);
    if (found !== undefined) return found;
    throw new ApiError(
      'ResourceNotFoundException',
      `Account ${account.record.id} has no key ${JSON.stringify(keyId)}. ` +
        `Hint:  hearth account key list ${account.record.id}  shows those it has.`,
    );
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#change.then(change);
    // The next one begins whatever became of this one, which tells its own caller.
    this.#change = done.catch(() => {});
    return done;
  }
}

function checkRoom({ record, keys }: Account): void {
  const active = [...keys.values()].filter((key) => key.record.status === 'Active');
  if (active.length < MAX_ACTIVE_KEYS) return;
  const least = active.sort((a, b) => (a.lastUsedAt ?? 0) - (b.lastUsedAt ?? 0))[0]!;
  throw new ApiError(
    'ResourceConflictException',
    `Account ${record.id} has ${MAX_ACTIVE_KEYS} active keys, which is the limit. Hint: deactivate the one that is used ` +
      `no more, as  hearth account key deactivate ${record.id} ${least.record.id}`,
  );
}

/** A key as it is to be stored, with the latest use. */
function stored({ record, lastUsedAt }: AccessKey): KeyRecord {
  return lastUsedAt === undefined ? record : { ...record, lastUsedAt };
}

function keyView(key: AccessKey): KeyView {
  const { secret: _, ...shown } = stored(key);
  return shown;
}

function view({ record, keys }: Account): AccountView {
  return { ...record, keys: [...keys.values()].map(keyView).sort((a, b) => a.createdAt - b.createdAt) };
}
