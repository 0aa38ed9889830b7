import { RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import type { InitializationType, Keeper } from './keeper.ts';
import { Permits } from './permits.ts';
import type { PlacementWish } from './placement-request.ts';
import type { ServerLog } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

/** What is needed of the rest of placement. */
export interface KeptPlacement {
  /** A new sandbox. */
  place(spec: FunctionSpec, wish: PlacementWish): Promise<Sandbox>;
  /** A sandbox that has loaded its function is free for whoever comes. */
  offer(sandbox: Sandbox, now: number): void;
  destroy(sandbox: Sandbox, reason: string): void;
  /** A sandbox is kept no more: it ends soon, or when it has done what it executes. */
  letGo(sandbox: Sandbox, reason: string): void;
}

export interface ProvisionedOptions {
  readonly clock: Clock;
  readonly placement: KeptPlacement;
  /** Has a new sandbox load its function. Rejects with a {@link RolloutError} where the function itself is at fault; it has ended then. */
  readonly load: (sandbox: Sandbox) => Promise<void>;
  /** On whose behalf. */
  readonly keptFor: Keeper['name'];
  readonly wish?: PlacementWish;
  /** Of the machine: as many load at a time. */
  readonly processors: number;
  readonly onLog: ServerLog;
}

export interface ProvisionedState {
  readonly ready: number;
  readonly failure: string | undefined;
}

/** Before the second try; twice as long before each further one, up to a minute: somebody has to change something first. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const GIVEN_BACK = 'it is provisioned no more';
const REPLACED = 'another has taken its place';

/**
 * Provisioned concurrency (rows D5, T12, T13), and the least number of sandboxes of versions on a capacity provider: of each version as many sandboxes as were asked for are kept initialised. They are made
 * ahead like those of a new version; one that dies is made anew, one whose time is up only ends when another is ready.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
export class Provisioned implements Disposable {
  readonly #options: ProvisionedOptions;
  readonly #loads: Permits;
  readonly #versions = new Map<string, KeptVersion>();

  constructor(options: ProvisionedOptions) {
    this.#options = options;
    this.#loads = new Permits(options.processors);
  }

  /** From now on so many of this version are kept; 0 gives all of them back. */
  keep(spec: FunctionSpec, count: number): void {
    let version = this.#versions.get(spec.key);
    if (version === undefined) {
      if (count === 0) return;
      version = new KeptVersion(spec, this.#options, this.#loads);
      this.#versions.set(spec.key, version);
    }
    version.keep(count);
    // What is still being made for it ends by itself.
    if (count === 0) this.#versions.delete(spec.key);
  }

  state({ key }: FunctionSpec): ProvisionedState {
    return this.#versions.get(key)?.state ?? { ready: 0, failure: undefined };
  }

  [Symbol.dispose](): void {
    for (const version of this.#versions.values()) version[Symbol.dispose]();
  }
}

/** The sandboxes of one version that are kept. */
class KeptVersion implements Keeper, Disposable {
  readonly name: string;
  readonly initializationType: InitializationType;
  readonly #spec: FunctionSpec;
  readonly #options: ProvisionedOptions;
  readonly #loads: Permits;
  /** Initialised, and not past their time. */
  readonly #ready = new Set<Sandbox>();
  /** Past their time: each ends when another is ready. */
  readonly #outdated = new Set<Sandbox>();
  #count = 0;
  /** On their way. */
  #coming = 0;
  /** Of those, the ones that load their function, or wait for their turn to. */
  readonly #loading = new Set<Sandbox>();
  #failure: string | undefined;
  #failures = 0;
  #pause: Timer | undefined;
  #closed = false;

  constructor(spec: FunctionSpec, options: ProvisionedOptions, loads: Permits) {
    this.#spec = spec;
    const isMinimum = spec.capacityProvider !== undefined;
    this.name = isMinimum ? 'least number of its version' : options.keptFor;
    this.initializationType = isMinimum ? 'lambda-managed-instances' : 'provisioned-concurrency';
    this.#options = options;
    this.#loads = loads;
  }

  get state(): ProvisionedState {
    return { ready: this.#ready.size + this.#outdated.size, failure: this.#failure };
  }

  keep(count: number): void {
    // Who asks again wants to know now.
    this.#endPause();
    this.#failures = 0;
    this.#failure = undefined;
    this.#count = count;
    this.#makeUp();
  }

  outdated(sandbox: Sandbox): void {
    if (!this.#ready.delete(sandbox)) return;
    this.#outdated.add(sandbox);
    this.#makeUp();
  }

  lost(sandbox: Sandbox): void {
    const wasKept = this.#ready.delete(sandbox) || this.#outdated.delete(sandbox);
    if (!wasKept || this.#closed) return;
    // One that nobody had called would end again: not at once.
    const byItself = sandbox.instance.state === 'active' && !sandbox.hasServed && sandbox.leasedAt === 0;
    if (byItself) this.#failed(new Error('A sandbox ended by itself.'));
    this.#makeUp();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#endPause();
  }

  /** Makes those that are missing, and gives back those that are too many. */
  #makeUp(): void {
    if (this.#closed) return;
    // Of those that an agent is still making some may be too many: they are given back when they come.
    for (const sandbox of this.#loading) {
      if (this.#ready.size + this.#coming > this.#count) this.#callOff(sandbox);
    }
    while (this.#ready.size + this.#outdated.size > this.#count) this.#giveBack(GIVEN_BACK);
    const { processors } = this.#options;
    // A few at a time: where the first can't be had there is no sense in asking for a thousand.
    while (
      this.#pause === undefined &&
      this.#ready.size + this.#coming < this.#count &&
      this.#coming < 2 * processors
    ) {
      this.#coming++;
      void this.#make();
    }
  }

  async #make(): Promise<void> {
    let sandbox: Sandbox | undefined;
    try {
      const placed = await this.#options.placement.place(this.#spec, { ...this.#options.wish, keeper: this });
      sandbox = placed;
      this.#loading.add(placed);
      await this.#loads.run(() => this.#load(placed));
      if (!this.#loading.has(placed)) return;
      this.#came(placed);
      this.#loading.delete(placed);
      this.#coming--;
    } catch (error) {
      // One that was called off is no failure.
      if (sandbox !== undefined && !this.#loading.delete(sandbox)) return;
      this.#coming--;
      this.#failed(error as Error);
    }
    this.#makeUp();
  }

  #callOff(sandbox: Sandbox): void {
    this.#loading.delete(sandbox);
    this.#coming--;
    sandbox.keeper = undefined;
    this.#options.placement.destroy(sandbox, GIVEN_BACK);
  }

  async #load(sandbox: Sandbox): Promise<void> {
    if (this.#isSurplus || !this.#loading.has(sandbox)) return;
    if (sandbox.ending) throw new Error('A sandbox ended before its init.');
    await this.#options.load(sandbox);
  }

  #came(sandbox: Sandbox): void {
    const { placement, clock } = this.#options;
    if (this.#isSurplus) return placement.destroy(sandbox, GIVEN_BACK);
    if (sandbox.ending) throw new Error('A sandbox ended by itself.');
    if (sandbox.keeper !== this) {
      placement.destroy(sandbox, 'its instance takes no more work');
      throw new Error('An instance took no more work while a sandbox loaded in it.');
    }
    this.#failures = 0;
    this.#failure = undefined;
    this.#ready.add(sandbox);
    placement.offer(sandbox, clock.now());
    if (this.#outdated.size > 0 && this.#ready.size + this.#outdated.size > this.#count) this.#giveBack(REPLACED);
  }

  /** Whether one more is not wanted. */
  get #isSurplus(): boolean {
    return this.#closed || this.#ready.size >= this.#count;
  }

  /** Lets go of one: rather of one past its time, rather of an idle one. */
  #giveBack(reason: string): void {
    const from = this.#outdated.size > 0 ? this.#outdated : this.#ready;
    const sandbox = [...from].find(({ state }) => state === 'idle') ?? from.values().next().value!;
    from.delete(sandbox);
    this.#options.placement.letGo(sandbox, reason);
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    const { clock, onLog } = this.#options;
    this.#failure = failureText(error);
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    onLog('warn', `${this.#spec.functionArn}:${this.#spec.version} can't be provisioned: ${error.message}`);
    if (this.#pause !== undefined || this.#count === 0) return;
    this.#pause = clock.setTimer(pause, () => {
      this.#pause = undefined;
      this.#makeUp();
    });
  }

  #endPause(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
  }
}

/** AWS's word where the function is at fault; its log says more. */
function failureText(error: Error): string {
  const isFunctions = error instanceof RolloutError && error.code.startsWith('FunctionError');
  return isFunctions ? 'FUNCTION_ERROR_INIT_FAILURE' : error.message;
}
