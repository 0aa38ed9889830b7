import type { FunctionSpec } from '@hearth/protocol';
import { FunctionPool } from './function-pool.ts';
import type { AccountUse } from './function-pool.ts';
import type { KeepAlivePolicy } from './keep-alive/policy.ts';
import { versionOf } from './keep-alive/policy.ts';
import type { LineOptions } from './line.ts';

/** The function versions that have a sandbox, or of which somebody waits for one. */
export class FunctionPools implements Disposable {
  readonly #pools = new Map<string, FunctionPool>();
  /** By the key of a version: the pools of its tenants, and of requests for it that ask for a class of capacity. */
  readonly #variants = new Map<string, Set<FunctionPool>>();
  readonly #accounts = new Map<string, AccountUse>();
  readonly #lineOptions: LineOptions;
  readonly #policy: KeepAlivePolicy;

  constructor(lineOptions: LineOptions, policy: KeepAlivePolicy) {
    this.#lineOptions = lineOptions;
    this.#policy = policy;
  }

  get({ key }: FunctionSpec): FunctionPool | undefined {
    return this.#pools.get(key);
  }

  /** Made where there is none. */
  of(spec: FunctionSpec): FunctionPool {
    let pool = this.#pools.get(spec.key);
    if (pool === undefined) {
      const use = this.useOf(spec.account);
      use.pools++;
      this.#accounts.set(spec.account, use);
      pool = new FunctionPool(spec, use, this.#lineOptions, this.#policy.of(versionOf(spec)));
      this.#pools.set(spec.key, pool);
      const version = variantOf(spec);
      if (version !== undefined) this.#addVariant(pool, version);
    }
    return pool;
  }

  forgetIfEmpty(pool: FunctionPool): void {
    const { key, account } = pool.spec;
    if (!pool.empty || this.#pools.get(key) !== pool) return;
    this.#pools.delete(key);
    if (--pool.account.pools === 0) this.#accounts.delete(account);
    const version = variantOf(pool.spec);
    if (version === undefined) return;
    const variants = this.#variants.get(version);
    variants?.delete(pool);
    if (variants?.size === 0) this.#variants.delete(version);
  }

  /** What an account has here. */
  useOf(account: string): AccountUse {
    return this.#accounts.get(account) ?? { leases: 0, pools: 0 };
  }

  /** All that are of this version: its own, and those of its variants. */
  allOf(spec: FunctionSpec): FunctionPool[] {
    const own = this.get(spec);
    return [...(own === undefined ? [] : [own]), ...(this.#variants.get(spec.key) ?? [])];
  }

  #addVariant(pool: FunctionPool, version: string): void {
    const variants = this.#variants.get(version);
    if (variants === undefined) this.#variants.set(version, new Set([pool]));
    else variants.add(pool);
  }

  /** Nobody stands in any line afterwards. */
  [Symbol.dispose](): void {
    for (const { line } of this.#pools.values()) line[Symbol.dispose]();
  }
}

/** The key of the version that this is a variant of; undefined where it is the version itself. */
function variantOf({ tenant, capacityClass }: FunctionSpec): string | undefined {
  return tenant?.of ?? capacityClass?.of;
}
