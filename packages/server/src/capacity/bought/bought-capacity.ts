import { archivesFor } from '@hearth/protocol';
import type { Packages } from '@hearth/protocol';
import type { Clock, Timer } from '../../instances/clock.ts';
import type { Instance } from '../../instances/provider.ts';
import type { InstanceNeed, TakenInstance } from '../capacity.ts';
import type { InstanceMaker } from '../instance-maker.ts';
import { Holding } from '../holding.ts';
import type { WarmingPool } from '../warming-pool.ts';
import { closedBecause } from './constraints.ts';
import type { MachineState } from './constraints.ts';
import { Entitlements } from './entitlements.ts';
import type { Shortage } from './entitlements.ts';
import { Loans } from './loans.ts';
import { Meter } from './meter.ts';
import type { AccountPolicy, OverflowPolicy } from './overflow.ts';
import type { FindFunction, OnPrepared, PreparedVersion } from './ports.ts';
import { BOUGHT_CLASSES, subPoolOf } from './purchase.ts';
import type { InstanceSizes, Purchase } from './purchase.ts';
import { SubPool } from './sub-pool.ts';
import type { UsageRow } from './usage.ts';

export interface BoughtCapacityOptions {
  readonly clock: Clock;
  readonly maker: InstanceMaker;
  readonly sizes: InstanceSizes;
  /** All instances together. */
  readonly maxMemoryMb: number;
  readonly findFunction: FindFunction;
  /** Instances that belong to nobody, for when there is no memory to make others. */
  readonly general: Pick<WarmingPool, 'warmMb' | 'cede' | 'endOne'>;
  readonly onPrepared: OnPrepared;
  /** An instance waits in its sub-pool from now on, or does so no more. */
  readonly onReady: (instance: Instance) => void;
  readonly onTaken: (instance: Instance) => void;
  readonly onChange: () => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** What bought capacity asks of whoever has the instances that are in use. */
export interface InUse {
  /** Empties an instance without touching what runs in it, and then ends it. */
  recall(instance: Instance): void;
  /**
   * Ends an instance that is nobody's by purchase, or has it take no more work.
   *
   * @returns whether memory is on its way by that.
   */
  reclaim(): boolean;
}

/** Schedules are to the minute. */
const LOOK_EVERY_MS = 60_000;
/** Variable capacity that gave way doesn't come back sooner: what it gave way to is hardly over. */
const SCARCE_MS = 60_000;
/**
 * What accounts have bought (row X17): a sub-pool for each purchase, filled ahead of requests and sized by amount, schedule and term;
 * which of them a request takes from; and what becomes of it where they are short. Dedicated and reserved sub-pools get memory first,
 * then whoever comes on demand, then variable ones (row D21).
 */
export class BoughtCapacity implements AsyncDisposable {
  readonly #options: BoughtCapacityOptions;
  readonly #subPools = new Map<string, SubPool>();
  readonly #entitlements: Entitlements;
  /** Of accounts that have used instances of no purchase. */
  readonly #onDemand = new Map<string, Holding>();
  /** Of those, the ones of a home of their own: what the account has bought is no concern of theirs. */
  readonly #apart = new Set<Holding>();
  readonly #loans: Loans;
  readonly #meter: Meter;
  readonly #inUse = new Set<InUse>();
  #scarceUntil = -Infinity;
  #scheduled = false;
  #timer: Timer | undefined;
  #started = false;
  #closed = false;

  constructor(options: BoughtCapacityOptions) {
    this.#options = options;
    this.#meter = new Meter(options.clock);
    this.#loans = new Loans({
      clock: options.clock,
      maker: options.maker,
      onLog: options.onLog,
      recall: (instance) => this.#recall(instance),
      onChange: () => this.changed(),
    });
    this.#entitlements = new Entitlements({
      clock: options.clock,
      overheadMb: options.sizes.overheadMb,
      mayUseOnDemand: (account) => this.onDemand(account).open,
      onRecall: (subPool) => this.#loans.recall(subPool),
      onGrown: () => this.changed(),
    });
  }

  get subPools(): Iterable<SubPool> {
    return this.#subPools.values();
  }

  /** MB that dedicated and reserved sub-pools still need: nobody else may have them. */
  get claimedMb(): number {
    let total = 0;
    for (const subPool of this.#subPools.values()) {
      if (subPool.purchase.class !== 'variable') total += subPool.missing * subPool.extent.memoryMb;
    }
    return total;
  }

  get machine(): MachineState {
    const { maker, general, maxMemoryMb, clock } = this.#options;
    let keptMb = general.warmMb;
    for (const { purchase, memoryMb } of this.#subPools.values()) if (purchase.class === 'variable') keptMb += memoryMb;
    const freeShare = 1 - Math.max(0, maker.memoryMb - keptMb) / maxMemoryMb;
    return { freeShare, scarce: clock.now() < this.#scarceUntil };
  }

  /** Begins to fill what was `put` by now, and what comes. */
  start(): void {
    this.#started = true;
    this.#look();
  }

  /** Who has instances that are in use; told of what is to end. Until disposed of. */
  serve(inUse: InUse): Disposable {
    this.#inUse.add(inUse);
    return { [Symbol.dispose]: () => void this.#inUse.delete(inUse) };
  }

  /** The sub-pool of a purchase that was `put`. */
  subPoolOf(purchase: Purchase): SubPool {
    return this.#subPools.get(subPoolOf(purchase))!;
  }

  /** A purchase is new, or has changed. */
  put(purchase: Purchase): void {
    const known = this.#subPools.get(subPoolOf(purchase));
    if (known === undefined) {
      const packagesOf = (one: Purchase): readonly Packages[] => this.#packagesOf(one);
      const subPool = new SubPool(purchase, { ...this.#options, packagesOf, onChange: () => this.changed() });
      this.#subPools.set(subPool.id, subPool);
      this.#entitlements.add(subPool);
    } else known.configure(purchase);
    // At once: whoever bought it sees what it comes to.
    this.#look();
  }

  /** A purchase is no more: what waits ends, what runs may finish. */
  remove(purchase: Purchase): void {
    const subPool = this.#subPools.get(subPoolOf(purchase));
    if (subPool === undefined) return;
    // It is kept for as long as something of it is in use.
    subPool.released = true;
    this.#entitlements.remove(subPool);
    this.#look();
  }

  setPolicy({ account, policy }: AccountPolicy): void {
    this.#entitlements.setPolicy(account, policy);
    this.changed();
  }

  policyOf(account: string): OverflowPolicy {
    return this.#entitlements.policyOf(account);
  }

  /** Code or layers of functions of this account may be others than before. */
  functionsChanged(account: string): void {
    for (const subPool of this.#entitlements.of(account)) subPool.configure(subPool.purchase);
    this.changed();
  }

  /** Takes an instance for a request out of its account's own sub-pools; undefined where none has one with the room. */
  take(need: InstanceNeed): TakenInstance | undefined {
    for (const subPool of this.#entitlements.route(need) ?? []) {
      const instance = subPool.take(need.memoryMb);
      if (instance === undefined) continue;
      this.changed();
      const { holding } = subPool;
      const step = need.waitingSince !== undefined && instance.readyAt >= need.waitingSince ? 'boot' : 'warming';
      const reason = `no instance of the account in use has room; one was ready in ${subPool.id}`;
      return { instance, holding, step, reason };
    }
    return undefined;
  }

  /** See {@link Entitlements.shortage}. */
  shortage(need: InstanceNeed): Shortage | undefined {
    return this.#entitlements.shortage(need);
  }

  /** What the account's instances have in common that are of no purchase: of sub-pool `general`, or of `none`, and of one home. */
  onDemand(account: string, subPool: 'general' | 'none' = 'general', home = account): Holding {
    const key = `${home}/${subPool}`;
    let holding = this.#onDemand.get(key);
    if (holding === undefined) {
      holding = new Holding(account, subPool, 'on-demand');
      this.#onDemand.set(key, holding);
      if (home === account) this.#limitOnDemand(holding);
      else this.#apart.add(holding);
    }
    return holding;
  }

  /** An instance that was lent to this account and waits for it. */
  takeLoan(need: InstanceNeed): TakenInstance | undefined {
    return this.#loans.take(need);
  }

  /** No memory is left for this request on demand: has some of what is reserved lent, and variable capacity give way. */
  help(need: InstanceNeed): void {
    if (this.#variableGivesWay()) return;
    if (need.capacityClass === undefined && need.home === need.account) this.#loans.lend(need, this.#subPools.values());
  }

  /** @returns whether this instance, which was used and is idle, waits again for its account; else it is to end. */
  giveBack(instance: Instance): boolean {
    for (const subPool of this.#subPools.values()) {
      if (subPool.giveBack(instance)) return true;
    }
    return false;
  }

  /** What was used since the last call, for good. */
  takeUsage(): UsageRow[] {
    this.#readMeter();
    return this.#meter.takeRows();
  }

  /** Something has changed that what is held may depend on: it is looked at before anything else happens. */
  changed(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#look();
    });
  }

  /** After the maker. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await Promise.all([...this.#subPools.values(), this.#loans].map((owner) => owner[Symbol.asyncDispose]()));
  }

  #packagesOf({ account, region, functions }: Purchase): readonly Packages[] {
    const packages = new Map<string, Packages>();
    for (const { name } of functions) {
      const spec = this.#options.findFunction(account, region, name);
      if (spec === undefined) continue;
      const { code, layers } = spec;
      packages.set(archivesFor(spec).join(), { account, code, ...(layers !== undefined && { layers }) });
    }
    return [...packages.values()];
  }

  /** Sandboxes that are to be initialised in sub-pools that are open. */
  #prepared(): Map<string, PreparedVersion> {
    const wanted = new Map<string, PreparedVersion>();
    for (const { purchase, target } of this.#subPools.values()) {
      if (target === 0) continue;
      for (const { name, sandboxes } of purchase.functions) {
        const spec = sandboxes === 0 ? undefined : this.#options.findFunction(purchase.account, purchase.region, name);
        if (spec === undefined) continue;
        wanted.set(spec.key, { spec, count: sandboxes + (wanted.get(spec.key)?.count ?? 0) });
      }
    }
    return wanted;
  }

  #recall(instance: Instance): void {
    for (const inUse of this.#inUse) inUse.recall(instance);
  }

  /** Sizes and fills all sub-pools for this moment. */
  #look(): void {
    if (!this.#started || this.#closed) return;
    this.#readMeter();
    const wall = this.#options.clock.wallTime();
    const { machine } = this;
    for (const subPool of this.#subPools.values()) {
      const { purchase, extent, grown, lent, holding } = subPool;
      const why = subPool.released ? 'it was released' : closedBecause(purchase, machine, wall);
      subPool.closedBecause = why;
      if (why !== undefined) subPool.grown = 0;
      subPool.target = why === undefined ? Math.max(0, extent.count + grown - lent) : 0;
      holding.explicit = purchase.class === 'variable' && this.#entitlements.hasFixed(purchase.account, wall);
      holding.limit = why !== undefined ? 0 : purchase.class === 'reserved' ? purchase.amount : Infinity;
      if (why !== undefined) this.#loans.recall(subPool);
      subPool.shrink((instance) => this.#recall(instance));
      if (subPool.released && subPool.memoryMb === 0 && subPool.lent === 0) this.#subPools.delete(subPool.id);
    }
    this.#fill();
    for (const holding of this.#onDemand.values()) if (!this.#apart.has(holding)) this.#limitOnDemand(holding);
    this.#arm(wall);
    this.#options.onPrepared(this.#prepared());
    this.#options.onChange();
  }

  /** Dedicated ones first, then reserved ones; what is left, less what is kept for others, is for variable ones. */
  #fill(): void {
    for (const kind of BOUGHT_CLASSES) {
      for (const subPool of this.#subPools.values()) {
        if (subPool.purchase.class !== kind) continue;
        while (subPool.missing > 0) {
          if (subPool.begin()) continue;
          const { maker, general } = this.#options;
          const { memoryMb } = subPool.extent;
          // As many are being made as may be, or variable capacity has to wait: it is tried again when something has changed.
          if (kind === 'variable' || maker.affords(memoryMb, 'bought')) break;
          const instance = general.cede(memoryMb);
          if (instance !== undefined) subPool.adopt(instance);
          else return this.#makeWay();
        }
      }
    }
  }

  /** Memory for what is guaranteed comes from variable capacity first, then from what is only kept warm, then from idle instances. */
  #makeWay(): void {
    if (this.#variableGivesWay()) return;
    if (this.#options.general.endOne()) return;
    for (const inUse of this.#inUse) if (inUse.reclaim()) return;
  }

  /** Variable capacity is closed for a while. @returns whether memory is on its way by that: also of what is still being made of it. */
  #variableGivesWay(): boolean {
    let comes = false;
    for (const { purchase, target, held } of this.#subPools.values()) {
      if (purchase.class !== 'variable') continue;
      if (target > 0) {
        this.#scarceUntil = this.#options.clock.now() + SCARCE_MS;
        this.changed();
      }
      comes ||= held > 0;
    }
    return comes;
  }

  /** Instances of no purchase are an account's second choice while it has sub-pools that are open, and only its policy lets it use them. */
  #limitOnDemand(holding: Holding): void {
    const { account } = holding;
    holding.second = this.#entitlements.route({ account, home: account }) !== undefined;
    holding.limit = holding.second && this.policyOf(account).kind !== 'overflow' ? 0 : Infinity;
  }

  #readMeter(): void {
    this.#meter.read(
      this.#subPools.values(),
      [...this.#onDemand.values(), ...this.#loans.holdings],
      this.machine.freeShare,
    );
  }

  /** Looks again when the minute is over, or a term. */
  #arm(wall: number): void {
    this.#timer?.cancel();
    let next = LOOK_EVERY_MS - (wall % LOOK_EVERY_MS);
    for (const { purchase } of this.#subPools.values()) {
      if (purchase.until !== null && purchase.until > wall) next = Math.min(next, purchase.until - wall);
    }
    if (this.#subPools.size > 0)
      this.#timer = this.#options.clock.setTimer(next, () => {
        for (const subPool of this.#subPools.values()) {
          subPool.shed();
          // A function may be new that a purchase names.
          subPool.configure(subPool.purchase);
        }
        this.#look();
      });
  }
}
