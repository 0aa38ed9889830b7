import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { RuntimeId } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import type { Instance } from '../instances/provider.ts';
import { withZygote } from './configuration.ts';
import type { Configuration, Fit } from './configuration.ts';
import type { InstanceMaker } from './instance-maker.ts';
import { apportion } from './mix.ts';
import { PoolSize } from './pool-size.ts';
import type { PoolSizing, Rates } from './pool-size.ts';
import { Shelf } from './shelf.ts';
import type { Expectation } from './trend/trend.ts';

export interface WarmingPoolOptions {
  readonly clock: Clock;
  readonly maker: InstanceMaker;
  /** What warm instances are made ready for; at least one. */
  readonly configurations: readonly Configuration[];
  /** Whether a runtime's binary is there, so that instances can boot with its zygote. */
  readonly hasRuntime: (runtime: RuntimeId) => boolean;
  readonly sizing: PoolSizing;
  /** All instances together, of this pool or not. */
  readonly maxMemoryMb: number;
  readonly rates: () => Rates;
  /** An instance is in the pool from now on. */
  readonly onMade: (instance: Instance) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** An instance that was taken out of the pool. */
export interface Drawn {
  readonly instance: Instance;
  readonly configuration: Configuration;
  /** It has no zygote of the runtime that it was taken for: it is given one. */
  readonly configured: boolean;
}

/**
 * Making an instance keeps a processor busy for half a second. Whoever took the last one has an invocation to run
 * first; whoever finds none doesn't wait for this.
 */
const REPLACE_AFTER_MS = 100;

/** What was asked of a configuration counts half as much after this: the mix follows the traffic of the last hour or so. */
const DEMAND_HALF_LIFE_MS = 30 * 60_000;

/**
 * The sub-pool `general`: instances that belong to no account, ready before anyone asks, of a declared set of
 * configurations. Each one taken is replaced in the background; how many there are follows rate and trend, of which
 * configurations follows the traffic.
 */
export class WarmingPool implements AsyncDisposable {
  readonly #options: WarmingPoolOptions;
  readonly #shelves: readonly Shelf[];
  /** Those with a runtime's zygote, the best first. */
  readonly #byRuntime = new Map<RuntimeId, readonly Shelf[]>();
  readonly #size: PoolSize;
  #replacement: Timer | undefined;
  #fadedAt: number;
  #draws = 0;
  readonly #first = Promise.withResolvers<void>();

  constructor(options: WarmingPoolOptions) {
    this.#options = options;
    this.#size = new PoolSize(options.sizing);
    this.#fadedAt = options.clock.now();
    const listener = {
      onMade: (instance: Instance) => {
        this.#first.resolve();
        options.onMade(instance);
      },
      onFailed: (error: Error) => this.#first.reject(error),
    };
    this.#shelves = options.configurations.map((configuration) => new Shelf(configuration, options.maker, listener));
    // Who starts it may choose not to wait.
    this.#first.promise.catch(() => undefined);
  }

  get shelves(): readonly Shelf[] {
    return this.#shelves;
  }

  get size(): PoolSize {
    return this.#size;
  }

  /** Instances taken since the start. */
  get draws(): number {
    return this.#draws;
  }

  get booting(): number {
    return this.#shelves.reduce((sum, { booting }) => sum + booting.size, 0);
  }

  /** Begins to fill. Resolves with the first warm instance; rejects with what made the first attempt fail. */
  start(): Promise<void> {
    this.refill();
    return this.#size.level === 0 ? Promise.resolve() : this.#first.promise;
  }

  /**
   * Takes a warm instance that is fit (row T5) out of the pool, which replaces it; undefined where there is none. For a
   * runtime that no configuration is declared for, one with the built-in runtime is taken, to be configured.
   */
  take(fit: Fit): Drawn | undefined {
    const shelf = this.#suitable(fit, (one) => one.warm.length > 0);
    const instance = shelf?.take();
    if (shelf === undefined || instance === undefined) return undefined;
    const { clock, rates } = this.#options;
    this.#draws++;
    // It is what was asked for, not what was there.
    this.#suitable(fit)!.demand++;
    this.#size.drawn(rates(), clock.now());
    this.#replacement ??= clock.setTimer(REPLACE_AFTER_MS, () => {
      this.#replacement = undefined;
      this.refill();
    });
    return { instance, configuration: shelf.configuration, configured: !this.#isDeclared(fit.runtime) };
  }

  /** MB of the instances that it should have and that are not even being made. */
  get missingMb(): number {
    return this.#shelves.reduce((sum, { target, warm, booting, configuration }) => {
      return sum + Math.max(0, target - warm.length - booting.size) * configuration.memoryMb;
    }, 0);
  }

  /** MB of the warm ones. */
  get warmMb(): number {
    return this.#shelves.reduce((sum, { warm, configuration }) => sum + warm.length * configuration.memoryMb, 0);
  }

  /** Gives up a warm instance of just this size, for what is guaranteed to somebody; undefined where there is none. */
  cede(memoryMb: number): Instance | undefined {
    return this.#shelves
      .find(({ warm, configuration }) => warm.length > 0 && configuration.memoryMb === memoryMb)
      ?.take();
  }

  /** Ends a warm instance, for the good of what is guaranteed to somebody. @returns false where there is none. */
  endOne(): boolean {
    const shelf = this.#shelves.find(({ warm }) => warm.length > 0);
    this.#endOne('its memory is needed for what is guaranteed', shelf);
    return shelf !== undefined;
  }

  /** The configuration that an instance for this is made of, if one is to be made; undefined where none is large enough. */
  configurationFor(fit: Fit): Configuration | undefined {
    return this.#suitable(fit)?.configuration;
  }

  /**
   * Somebody waits for so many instances of these configurations: makes sure that as many are coming at this moment, as
   * far as memory and processors allow, and that they don't stand back behind whoever is busy. Warm ones that nobody waits
   * for give way. Who still waits when one has come asks again.
   */
  want(counts: ReadonlyMap<Configuration, number>): void {
    for (const shelf of this.#shelves) {
      const count = counts.get(shelf.configuration) ?? 0;
      while (shelf.booting.size < count && this.#options.maker.isFree) {
        this.#giveWay(shelf.configuration.memoryMb, counts);
        if (!shelf.boot()) break;
      }
      shelf.hurry(count);
    }
  }

  /** Ends warm instances until one of this size may be made, where that is enough. */
  makeRoom(memoryMb: number): void {
    const { maker, maxMemoryMb } = this.#options;
    if (maker.memoryMb - this.warmMb + memoryMb <= maxMemoryMb) this.#giveWay(memoryMb, new Map());
  }

  /** Has as many made as are missing; to be called when more may be made than before. */
  refill(): void {
    this.#aim();
    let missing = this.#shelves.reduce(
      (sum, { target, warm, booting }) => sum + target - warm.length - booting.size,
      0,
    );
    for (const shelf of this.#shelves) {
      const { target, warm, booting } = shelf;
      while (missing > 0 && warm.length + booting.size < target && shelf.boot()) missing--;
    }
  }

  /** Follows the trend: to be called every few seconds. One instance at most is ended each time. */
  follow(expected: Expectation): void {
    const { clock, rates } = this.#options;
    const now = clock.now();
    const faded = 0.5 ** ((now - this.#fadedAt) / DEMAND_HALF_LIFE_MS);
    for (const shelf of this.#shelves) shelf.demand *= faded;
    this.#fadedAt = now;
    this.#size.follow(expected, rates(), now);
    this.#aim();
    const surplus = this.#shelves.reduce(
      (sum, { target, warm, booting }) => sum + warm.length + booting.size - target,
      0,
    );
    const missing = this.#shelves.some(({ target, warm, booting }) => warm.length + booting.size < target);
    // One too many of a configuration gives way to one too few of another.
    if (surplus > 0 || missing) this.#endOne('more of its configuration are warm than are needed', this.#mostSurplus());
    this.refill();
  }

  /** After the maker: nothing is coming any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#replacement?.cancel();
    const warm = this.#shelves.flatMap((shelf) => shelf.warm);
    await Promise.all(warm.map((instance) => instance[Symbol.asyncDispose]()));
  }

  #isDeclared(runtime: RuntimeId): boolean {
    return runtime === BUILT_IN_RUNTIME || this.#options.configurations.some((one) => one.runtime === runtime);
  }

  /** The best that is fit, of those that satisfy the condition. */
  #suitable({ runtime, memoryMb }: Fit, condition?: (shelf: Shelf) => boolean): Shelf | undefined {
    let shelves = this.#byRuntime.get(runtime);
    if (shelves === undefined) {
      shelves = withZygote(this.#shelves, this.#isDeclared(runtime) ? runtime : BUILT_IN_RUNTIME);
      this.#byRuntime.set(runtime, shelves);
    }
    return shelves.find((shelf) => shelf.configuration.memoryMb >= memoryMb && condition?.(shelf) !== false);
  }

  /** Sets each configuration's target: by the mix, within the memory that is not used by others. */
  #aim(): void {
    const { maker, maxMemoryMb, hasRuntime } = this.#options;
    const shares = this.#shelves.map(({ demand, configuration }) => ({
      demand,
      most: hasRuntime(configuration.runtime) ? Infinity : 0,
    }));
    const ours = this.#shelves.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
    const budget = maxMemoryMb - (maker.memoryMb - ours);
    const smallest = Math.min(...this.#shelves.map(({ configuration }) => configuration.memoryMb));
    const most = Math.max(0, Math.min(this.#size.level, Math.floor(budget / smallest)));
    for (let total = most; total >= 0; total--) {
      const counts = apportion(total, shares);
      const needed = counts.reduce(
        (sum, count, index) => sum + count * this.#shelves[index]!.configuration.memoryMb,
        0,
      );
      if (needed > budget && total > 0) continue;
      for (const [index, shelf] of this.#shelves.entries()) shelf.target = counts[index]!;
      return;
    }
  }

  #mostSurplus(): Shelf | undefined {
    const surplus = ({ target, warm, booting }: Shelf): number => warm.length + booting.size - target;
    const [most] = this.#shelves.filter(({ warm }) => warm.length > 0).toSorted((a, b) => surplus(b) - surplus(a));
    return most !== undefined && surplus(most) > 0 ? most : undefined;
  }

  #giveWay(memoryMb: number, wanted: ReadonlyMap<Configuration, number>): void {
    while (!this.#options.maker.affords(memoryMb)) {
      const idle = this.#shelves.find(({ warm, configuration }) => warm.length > 0 && !wanted.has(configuration));
      if (idle === undefined) return;
      this.#endOne('its memory is needed for what somebody waits for', idle);
    }
  }

  #endOne(reason: string, shelf: Shelf | undefined): void {
    const instance = shelf?.take();
    if (instance === undefined) return;
    const { id } = instance;
    const { onLog } = this.#options;
    onLog('info', `warm instance ${id} ends: ${reason}`);
    instance[Symbol.asyncDispose]().catch((error: Error) =>
      onLog('error', `instance ${id} could not be removed: ${error.message}`),
    );
  }
}
