import type { FunctionSpec } from '@hearth/protocol';
import { FunctionPool } from './function-pool.ts';
import type { AccountUse } from './function-pool.ts';
import type { KeepAlivePolicy } from './keep-alive/policy.ts';
import { versionOf } from './keep-alive/policy.ts';
import type { LineOptions } from './line.ts';

/** The function versions that have a sandbox, or of which somebody waits for one. */
export class FunctionPools implements Disposable {
  readonly #pools = new Map<string, FunctionPool>();
  /** By the key of a version: the pools of its tenants. */
  readonly #tenants = new Map<string, Set<FunctionPool>>();
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
      if (spec.tenant !== undefined) this.#addTenant(pool, spec.tenant.of);
    }
    return pool;
  }

  forgetIfEmpty(pool: FunctionPool): void {
    const { key, account, tenant } = pool.spec;
    if (!pool.empty || this.#pools.get(key) !== pool) return;
    this.#pools.delete(key);
    if (--pool.account.pools === 0) this.#accounts.delete(account);
    if (tenant === undefined) return;
    const tenants = this.#tenants.get(tenant.of);
    tenants?.delete(pool);
    if (tenants?.size === 0) this.#tenants.delete(tenant.of);
  }

  /** What an account has here. */
  useOf(account: string): AccountUse {
    return this.#accounts.get(account) ?? { leases: 0, pools: 0 };
  }

  /** All that are of this version: its own, and those of its tenants. */
  allOf(spec: FunctionSpec): FunctionPool[] {
    const own = this.get(spec);
    return [...(own === undefined ? [] : [own]), ...(this.#tenants.get(spec.key) ?? [])];
  }

  #addTenant(pool: FunctionPool, version: string): void {
    const tenants = this.#tenants.get(version);
    if (tenants === undefined) this.#tenants.set(version, new Set([pool]));
    else tenants.add(pool);
  }

  /** Nobody stands in any line afterwards. */
  [Symbol.dispose](): void {
    for (const { line } of this.#pools.values()) line[Symbol.dispose]();
  }
}
