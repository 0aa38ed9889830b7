import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { CapacityClass, InstanceStep, RuntimeId } from '@hearth/protocol';
import type { Instance } from '../instances/provider.ts';
import { BoughtCapacity } from './bought/bought-capacity.ts';
import type { FindFunction, OnPrepared } from './bought/ports.ts';
import type { InstanceSizes } from './bought/purchase.ts';
import { subPoolView } from './bought/view.ts';
import type { SubPoolView } from './bought/view.ts';
import { zygotesOf } from './configuration.ts';
import type { Configuration, Fit } from './configuration.ts';
import { Demand } from './demand.ts';
import type { DemandOptions } from './demand.ts';
import { HealthCheck } from './health-check.ts';
import { InstanceMaker } from './instance-maker.ts';
import type { Claim, InstanceMakerOptions } from './instance-maker.ts';
import { RateMonitor } from './rate-monitor.ts';
import type { Holding } from './holding.ts';
import type { DemandForecast } from './trend/demand-forecast.ts';
import { viewOf } from './view.ts';
import type { GeneralPoolView } from './view.ts';
import { WarmingPool } from './warming-pool.ts';
import type { Drawn, WarmingPoolOptions } from './warming-pool.ts';

export interface CapacityOptions
  extends
    InstanceMakerOptions,
    Pick<WarmingPoolOptions, 'configurations' | 'hasRuntime' | 'sizing'>,
    Pick<DemandOptions, 'load' | 'history'> {
  /** Requests to run something, since the start; a number that somebody counts anyway. */
  readonly requests: () => number;
  /** Of an instance's memory, what agent, zygotes and spares use. */
  readonly overheadMb: number;
  /** Finds functions whose code is to be loaded ahead. */
  readonly findFunction: FindFunction;
  readonly onPrepared: OnPrepared;
  /** See {@link HealthCheck}; of the warm instances. */
  readonly healthCheckMs: number;
}

/** What somebody needs an instance for. */
export interface InstanceNeed extends Fit {
  readonly account: string;
  /** Within which instances it is placed: the account, or the name of some of its own, which have nothing to do with what it has bought. */
  readonly home: string;
  /** Clock's time from when on somebody waits for it; undefined where it is asked for the first time. */
  readonly waitingSince: number | undefined;
  /** Of the function: ms. */
  readonly timeoutMs?: number;
  /** The class that the request asks for; if absent, it follows from what the account has bought. */
  readonly capacityClass?: CapacityClass | undefined;
}

/** An instance that has left the warming pool, for good. */
export interface TakenInstance {
  readonly instance: Instance;
  /** What it has in common with the others that its account has out of the same sub-pool. */
  readonly holding: Holding;
  /** `boot` where it was made while somebody waited. */
  readonly step: Extract<InstanceStep, 'warming' | 'boot'>;
  /** Why that one, in words, for the record of the invocation. */
  readonly reason: string;
}

/** Instances for whoever needs some: those that are warm, in sub-pools, and the making of others. */
export class Capacity implements AsyncDisposable {
  readonly #options: CapacityOptions;
  readonly #maker: InstanceMaker;
  readonly #general: WarmingPool;
  readonly #rates: RateMonitor;
  readonly #demand: Demand;
  readonly #health: HealthCheck;
  /** What accounts have bought; see there. */
  readonly bought: BoughtCapacity;
  readonly #listeners = new Set<() => void>();

  constructor(options: CapacityOptions) {
    this.#options = options;
    const { clock } = options;
    this.#maker = new InstanceMaker(
      options,
      (claim) => this.#setAsideMb(claim),
      () => this.#changed(),
    );
    this.#general = new WarmingPool({
      ...options,
      maker: this.#maker,
      rates: () => this.#rates,
      onMade: (instance) => this.#health.add(instance),
    });
    this.#health = new HealthCheck({
      clock,
      intervalMs: options.healthCheckMs,
      onUnhealthy: (instance, reason) => {
        options.onLog('warn', `warm instance ${instance.id} is replaced, it is not well: ${reason}`);
        instance[Symbol.asyncDispose]().catch((error: Error) =>
          options.onLog('error', `instance ${instance.id} could not be removed: ${error.message}`),
        );
      },
    });
    this.#demand = new Demand({ ...options, drawsPerMinute: () => this.#rates.drawsPerMinute });
    this.bought = new BoughtCapacity({
      ...options,
      maker: this.#maker,
      sizes: options,
      general: this.#general,
      onReady: (instance) => this.#health.add(instance),
      onTaken: (instance) => this.#health.remove(instance),
      onChange: () => this.#tell(),
    });
    const counters = { requests: options.requests, draws: () => this.#general.draws };
    this.#rates = new RateMonitor(clock, counters, () => {
      if (this.#demand.tick()) this.#general.follow(this.#demand.expectedDraws);
    });
  }

  /** Warm instances of sub-pool `general`, with the configuration that each was made for. */
  *warm(): Generator<{ instance: Instance; configuration: Configuration }> {
    for (const { configuration, warm } of this.#general.shelves) {
      for (const instance of warm) yield { instance, configuration };
    }
  }

  /** How many those are. */
  get warmCount(): number {
    return this.#general.shelves.reduce((sum, { warm }) => sum + warm.length, 0);
  }

  /** Whether one is warm, or none is kept. */
  get isReady(): boolean {
    return this.warmCount > 0 || this.#general.size.level === 0;
  }

  /** Instances that are being made for sub-pool `general`. */
  get booting(): number {
    return this.#general.booting;
  }

  /** The largest instance that could be made if there were no other. */
  get maxMemoryMb(): number {
    return this.#options.maxMemoryMb;
  }

  /** See {@link InstanceMaker.lastError}. */
  get lastError(): Error | undefined {
    return this.#maker.lastError;
  }

  /** What is expected of the fleet. */
  get forecast(): DemandForecast {
    return this.#demand.forecast;
  }

  /** What `GET /_hearth/fleet` shows of sub-pool `general`. */
  view(): GeneralPoolView {
    return viewOf(this.#general, this.#rates);
  }

  /** Begins to fill the warming pool; see {@link WarmingPool.start}. */
  start(): Promise<void> {
    this.#rates.start();
    void this.#demand.restore();
    this.bought.start();
    return this.#general.start();
  }

  /** Calls back, until disposed of, whenever an instance has become warm, one has ended, or making one has failed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Takes a warm instance of no account that is fit for this, which is replaced in the background, or one that is lent to this account;
   * undefined where there is none. Whether the account may have one is `bought`'s to say.
   */
  take(need: InstanceNeed): TakenInstance | undefined {
    const drawn = this.#general.take(need);
    if (drawn === undefined) {
      const lent = this.bought.takeLoan(need);
      if (lent === undefined && this.booting === 0 && !this.affords(need.memoryMb)) this.bought.help(need);
      return lent;
    }
    this.#health.remove(drawn.instance);
    const { instance } = drawn;
    const step = need.waitingSince !== undefined && instance.readyAt >= need.waitingSince ? 'boot' : 'warming';
    const reason = `no instance of the account has room${step === 'boot' ? ' and ' : '; '}${story(drawn, step, need.runtime)}`;
    return { instance, holding: this.bought.onDemand(need.account, 'general', need.home), step, reason };
  }

  /** All sub-pools, as the operator sees them. */
  subPools(): SubPoolView[] {
    const general: SubPoolView = {
      id: 'general',
      account: null,
      constraints: 'fixed',
      state: 'open',
      reason: null,
      ready: this.warmCount,
      coming: this.booting,
      inUse: null,
    };
    return [general, ...Array.from(this.bought.subPools, subPoolView)];
  }

  /** Sizes of instances. */
  get sizes(): InstanceSizes {
    return this.#options;
  }

  /** See {@link WarmingPool.configurationFor}. */
  configurationFor(fit: Fit): Configuration | undefined {
    return this.#general.configurationFor(fit);
  }

  /** See {@link WarmingPool.want}. */
  want(counts: ReadonlyMap<Configuration, number>): void {
    this.#general.want(counts);
  }

  /** See {@link InstanceMaker.affords}. */
  affords(memoryMb: number): boolean {
    return this.#maker.affords(memoryMb);
  }

  /** The same, where need be in place of warm instances, which end. */
  makeRoom(memoryMb: number): boolean {
    this.#general.makeRoom(memoryMb);
    return this.#maker.affords(memoryMb);
  }

  /** Makes one instance of an uncommon size, which doesn't go into any pool; see {@link InstanceMaker.boot}. */
  boot({ runtime, memoryMb }: Fit): Promise<Instance> {
    const runtimes = zygotesOf({
      name: '',
      runtime: this.#options.hasRuntime(runtime) ? runtime : BUILT_IN_RUNTIME,
      memoryMb,
    });
    return this.#maker.boot({ memoryMb, runtimes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#rates[Symbol.dispose]();
    this.#health[Symbol.dispose]();
    await this.#maker[Symbol.asyncDispose]();
    await Promise.all([this.#general[Symbol.asyncDispose](), this.bought[Symbol.asyncDispose](), this.#demand.save()]);
  }

  #changed(): void {
    this.bought.changed();
    this.#tell();
    this.#general.refill();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #setAsideMb(claim: Claim): number {
    if (claim === 'bought') return 0;
    return this.bought.claimedMb + (claim === 'variable' ? this.#general.missingMb : 0);
  }
}

function story({ configuration: { name }, configured }: Drawn, step: InstanceStep, runtime: RuntimeId): string {
  const there = step === 'boot' ? `none was warm; one of ${name} was made` : `one was warm, of ${name}`;
  return configured ? `${there}; no configuration is declared for ${runtime}, which is started in it` : there;
}
