import type { Clock } from '../../instances/clock.ts';
import type { InstanceNeed } from '../capacity.ts';
import { DEFAULT_POLICY, describePolicy } from './overflow.ts';
import type { OverflowPolicy } from './overflow.ts';
import { BOUGHT_CLASSES } from './purchase.ts';
import type { SubPool } from './sub-pool.ts';

/** What becomes of a request whose account's sub-pools lack the room for it. `reason` in words. */
export type Shortage =
  | { readonly kind: 'overflow'; readonly reason: string }
  | { readonly kind: 'wait'; readonly waitMs: number; readonly reason: string }
  | { readonly kind: 'refuse'; readonly reason: string };

/** As long as a client waits for the longest function of all. */
const VARIABLE_WAIT_MS = 900_000;
/** Within a guarantee a request waits for an instance that is being made or recalled: so long beyond the time for which it may be lent. */
const BOOT_WAIT_MS = 30_000;

export interface EntitlementsOptions {
  readonly clock: Clock;
  /** Of an instance's memory, what agent, zygotes and spares use. */
  readonly overheadMb: number;
  /** Whether the account's policy lets it use instances of no purchase. */
  readonly mayUseOnDemand: (account: string) => boolean;
  /** What is lent of a sub-pool is to come back. */
  readonly onRecall: (subPool: SubPool) => void;
  /** A sub-pool is to have one instance more. */
  readonly onGrown: () => void;
}

/**
 * Which sub-pools a request may take from, by the account that it is of, and what becomes of it where they are short (rows D11 to D17).
 */
export class Entitlements {
  readonly #options: EntitlementsOptions;
  /** Those of each account, dedicated ones first, then reserved ones. */
  readonly #byAccount = new Map<string, SubPool[]>();
  readonly #policies = new Map<string, OverflowPolicy>();

  constructor(options: EntitlementsOptions) {
    this.#options = options;
  }

  of(account: string): readonly SubPool[] {
    return this.#byAccount.get(account) ?? [];
  }

  add(subPool: SubPool): void {
    const { account } = subPool.purchase;
    const own = [...this.of(account), subPool];
    own.sort((a, b) => BOUGHT_CLASSES.indexOf(a.purchase.class) - BOUGHT_CLASSES.indexOf(b.purchase.class));
    this.#byAccount.set(account, own);
  }

  remove(subPool: SubPool): void {
    const { account } = subPool.purchase;
    const own = this.of(account).filter((one) => one !== subPool);
    if (own.length === 0) this.#byAccount.delete(account);
    else this.#byAccount.set(account, own);
  }

  setPolicy(account: string, policy: OverflowPolicy): void {
    this.#policies.set(account, policy);
  }

  policyOf(account: string): OverflowPolicy {
    return this.#policies.get(account) ?? DEFAULT_POLICY;
  }

  /**
   * What becomes of a request that has found no room in its account's own sub-pools, nor on instances from there; undefined where the
   * account has none, or none that is open: then it has what there is on demand. Only here the account's policy is looked at (row D13).
   */
  shortage(need: InstanceNeed): Shortage | undefined {
    const { account, capacityClass } = need;
    if (need.home !== account) return undefined;
    if (capacityClass === 'on-demand' && !this.#options.mayUseOnDemand(account)) {
      const policy = describePolicy(this.policyOf(account));
      return { kind: 'refuse', reason: `the account's policy is ${policy}, which keeps it to what it has bought` };
    }
    const route = this.route(need);
    if (route === undefined) return undefined;
    const [first] = route;
    if (first === undefined) {
      return { kind: 'refuse', reason: `the account has no capacity of class ${capacityClass}` };
    }
    const names = route.map(({ id }) => id).join(', ');
    if (first.purchase.class === 'variable') return this.#variableShortage(route, names);
    const memoryMb = need.memoryMb - this.#options.overheadMb;
    const lacks = `${names} ${route.length === 1 ? 'lacks' : 'lack'} ${memoryMb} MB for one more`;
    const guaranteed = this.#guarantee(route, lacks);
    const policy = this.policyOf(account);
    const reason = `${lacks}; the account's policy is ${describePolicy(policy)}`;
    switch (policy.kind) {
      case 'overflow':
        return { kind: 'overflow', reason };
      case 'deny':
        return guaranteed ?? { kind: 'refuse', reason };
      case 'wait':
        return guaranteed ?? { kind: 'wait', waitMs: policy.waitMs, reason };
      case 'grow':
        this.#grow(route, need.memoryMb, policy.maxInstances);
        return guaranteed ?? { kind: 'wait', waitMs: policy.waitMs, reason };
    }
  }

  /**
   * The sub-pools that a request may take from, by the identity in it (row D11); undefined where that is none, and it goes to `general`.
   */
  route({
    account,
    home,
    capacityClass,
  }: Pick<InstanceNeed, 'account' | 'home' | 'capacityClass'>): SubPool[] | undefined {
    if (home !== account) return undefined;
    const own = this.#byAccount.get(account);
    if (capacityClass === 'on-demand') return undefined;
    if (own === undefined) return capacityClass === undefined ? undefined : [];
    const wall = this.#options.clock.wallTime();
    const inTerm = own.filter(({ purchase: { until } }) => until === null || wall < until);
    if (capacityClass !== undefined) return inTerm.filter(({ purchase }) => purchase.class === capacityClass);
    const fixed = inTerm.filter(({ purchase }) => purchase.class !== 'variable');
    // Without any that is fixed, what is variable is all that the account wants.
    const chosen = fixed.length > 0 ? fixed.filter((one) => one.closedBecause === undefined) : inTerm;
    return chosen.length > 0 ? chosen : undefined;
  }

  /** Whether it has dedicated or reserved capacity whose term lasts. `wall` by the clock. */
  hasFixed(account: string, wall: number): boolean {
    return (this.#byAccount.get(account) ?? []).some(
      ({ purchase: { class: kind, until } }) => kind !== 'variable' && (until === null || wall < until),
    );
  }

  #variableShortage(route: readonly SubPool[], names: string): Shortage {
    const closed = route.find((one) => one.closedBecause !== undefined)?.closedBecause;
    const reason = closed === undefined ? `waits for an instance of ${names}` : `waits for ${names}: ${closed}`;
    return { kind: 'wait', waitMs: VARIABLE_WAIT_MS, reason };
  }

  /** Where fewer run than are guaranteed, the rest of the guarantee is on its way: being made, or back from whoever it was lent to. */
  #guarantee(route: readonly SubPool[], lacks: string): Shortage | undefined {
    for (const subPool of route) {
      const { purchase, holding, lent, coming } = subPool;
      if (purchase.class !== 'reserved' || !holding.open || lent + coming + subPool.missing === 0) continue;
      if (lent > 0) this.#options.onRecall(subPool);
      return {
        kind: 'wait',
        waitMs: purchase.lendMs + BOOT_WAIT_MS,
        reason: `${lacks} at this moment; it is guaranteed and on its way`,
      };
    }
    return undefined;
  }

  /** Adds an instance to a dedicated sub-pool, unless one is on its way, or the account has its maximum (row D17). */
  #grow(route: readonly SubPool[], memoryMb: number, maxInstances: number): void {
    const dedicated = route.filter(({ purchase }) => purchase.class === 'dedicated');
    const held = dedicated.reduce((sum, one) => sum + Math.max(one.held, one.target), 0);
    const fit = dedicated.find(({ extent }) => extent.memoryMb >= memoryMb);
    if (fit === undefined || fit.coming > 0 || fit.missing > 0 || held >= maxInstances) return;
    fit.grown++;
    this.#options.onGrown();
  }
}
