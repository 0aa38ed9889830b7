/** Who may do what: accounts, keys, sessions of functions, the operator's token, and the master key that seals secrets. */
import { join } from 'node:path';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import { SERVICES } from './api/services.ts';
import { Accounts } from './auth/accounts/accounts.ts';
import { DevAuthenticator } from './auth/dev.ts';
import type { Authenticator } from './auth/identity.ts';
import type { AuthMode } from './auth/mode.ts';
import { OperatorToken } from './auth/operator-token.ts';
import { Sessions } from './auth/sessions.ts';
import { SignedAuthenticator } from './auth/signed.ts';
import type { MetadataStore } from './functions/ports.ts';
import type { SessionCredentials } from './placement/ports.ts';
import { SealedAccountStore } from './storage/sealed/account-store.ts';
import { MasterKeyError } from './storage/sealed/key-ring.ts';
import { MasterKey } from './storage/sealed/master-key.ts';
import { SealedMetadataStore } from './storage/sealed/metadata-store.ts';
import { SqliteAccountStore } from './storage/sqlite/account-store.ts';

/** Name in the data directory. */
const TOKEN_FILE = 'operator.token';

export interface CredentialsOptions {
  readonly mode: AuthMode;
  readonly data: string;
  /** The variables with secrets are taken out of it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Regions that are served; undefined where any name of a region is one. */
  readonly regions: ReadonlySet<string> | undefined;
  /** How long the credentials of a function are good: ms. Longer where its time-out asks for it. */
  readonly sessionMs: number;
  readonly onError: (error: unknown) => void;
}

/** All of it, for the server to put where it belongs. */
export class ServerCredentials implements AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly accounts: Accounts;
  /** Undefined where everything is open to whoever reaches the port, which then is this machine alone. */
  readonly operatorToken: OperatorToken | undefined;
  readonly #masterKey: MasterKey;
  readonly sessions: Sessions;
  /** A sandbox is to be replaced so long after it was given its credentials: ms. */
  readonly renewAfterMs: number;
  readonly #accountStore: SealedAccountStore;
  #metadata: SealedMetadataStore | undefined;
  /** The last change of the master key that was begun. */
  #rekeyed: Promise<void> = Promise.resolve();

  private constructor(
    options: CredentialsOptions,
    masterKey: MasterKey,
    store: SealedAccountStore,
    accounts: Accounts,
  ) {
    const { mode, data, environment } = options;
    this.#masterKey = masterKey;
    this.#accountStore = store;
    this.renewAfterMs = options.sessionMs / 2;
    this.accounts = accounts;
    const signed = mode === 'sigv4';
    this.sessions = new Sessions({
      secrets: () => masterKey.ring.derive('sessions'),
      exists: (account) => !signed || accounts.exists(account),
    });
    this.operatorToken = signed ? OperatorToken.open(join(data, TOKEN_FILE), environment) : undefined;
    this.authenticator = signed
      ? new SignedAuthenticator({
          credentials: [accounts, this.sessions],
          services: new Set(SERVICES.map(({ signingName }) => signingName)),
          regions: options.regions,
          now: Date.now,
        })
      : new DevAuthenticator(this.sessions);
  }

  /**
   * Reads the master key and the accounts.
   *
   * @throws Error with a hint, for instance where the master key is lost or another one.
   */
  static async open(options: CredentialsOptions): Promise<ServerCredentials> {
    const masterKey = MasterKey.open(options.data, options.environment);
    await using opened = new AsyncDisposableStack();
    const store = opened.use(
      new SealedAccountStore(await SqliteAccountStore.open(join(options.data, 'accounts.db')), masterKey.ring),
    );
    const accounts = opened.use(
      await Accounts.open({
        store,
        now: Date.now,
        repeat: (milliseconds, callback) => {
          const timer = setInterval(callback, milliseconds).unref();
          return { [Symbol.dispose]: () => clearInterval(timer) };
        },
        onError: options.onError,
      }),
    );
    const credentials = new ServerCredentials(options, masterKey, store, accounts);
    opened.move();
    return credentials;
  }

  /** A store of functions whose environment variables are sealed. What is not sealed with the current key now is. */
  async seal(metadata: MetadataStore): Promise<MetadataStore> {
    this.#metadata = new SealedMetadataStore(metadata, this.#masterKey.ring);
    await this.#resealAll();
    return this.#metadata;
  }

  /**
   * Makes a new master key and seals everything anew with it; one after the other.
   *
   * @throws ApiError where the key is not the server's own to change.
   */
  rekey(): Promise<void> {
    const done = this.#rekeyed.then(() => this.#rekeyNow());
    // The next one begins whatever became of this one, which tells its own caller.
    this.#rekeyed = done.catch(() => {});
    return done;
  }

  /**
   * Credentials with which a function acts as its own account, with its role's name. They outlast whatever its sandbox
   * has been sent by the time at which it is to be replaced.
   */
  for({ account, role, functionName, timeoutMs }: FunctionSpec): SessionCredentials {
    const expiresAt = Date.now() + this.renewAfterMs + Math.max(this.renewAfterMs, 2 * timeoutMs);
    return this.sessions.issue({ account, role, session: functionName, expiresAt });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.accounts[Symbol.asyncDispose]();
    await this.#accountStore[Symbol.asyncDispose]();
  }

  async #rekeyNow(): Promise<void> {
    try {
      this.#masterKey.rotate();
    } catch (error) {
      if (!(error instanceof MasterKeyError)) throw error;
      throw new ApiError('ResourceConflictException', `${error.message}. Hint: ${error.hint}`, { cause: error });
    }
    await this.#resealAll();
  }

  async #resealAll(): Promise<void> {
    await this.#accountStore.reseal();
    await this.#metadata?.reseal();
    this.#masterKey.settle();
  }
}
