import { randomBytes } from 'node:crypto';
import type { RuntimeId } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import { ProviderError } from '../instances/provider.ts';
import type { Instance, Provider } from '../instances/provider.ts';

export interface InstanceMakerOptions {
  readonly provider: Provider;
  readonly clock: Clock;
  /** Size of a common instance; one that is larger gets processors in proportion. */
  readonly instanceMemoryMb: number;
  readonly instanceCpus: number;
  readonly spares: number;
  readonly slots: number;
  readonly maxSandboxes: number;
  /** All instances together, those that boot included. */
  readonly maxMemoryMb: number;
  /** Instances made at once for pools: more than the machine has processors would only be ready later, each of them. */
  readonly atOnce: number;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/**
 * Whom an instance is for, in the order in which they get memory (row D21): what was bought as dedicated or reserved, whoever comes on
 * demand, variable capacity.
 */
export type Claim = 'bought' | 'on-demand' | 'variable';

/** What is to be made. */
export interface InstancePlan {
  /** Hard limit of the instance. */
  readonly memoryMb: number;
  /** Whose zygotes it boots with, beside the built-in one's. */
  readonly runtimes: readonly RuntimeId[];
  /** `on-demand` if absent. */
  readonly claim?: Claim;
}

/** A pool that has an instance made. One of its methods is called, once. */
export interface Receiver {
  /** The instance is there, and the receiver's. */
  made(instance: Instance): void;
  /** It can't be made; the maker has logged why, and says when to try again. */
  failed(id: string, error: Error): void;
}

const FIRST_BACK_OFF_MS = 1_000;
const LAST_BACK_OFF_MS = 60_000;

/**
 * Makes instances for all pools, within the memory that Hearth was given and as many at once as there are processors.
 * Where making one for a pool fails, none is made for a second, then for twice as long, up to a minute, so that a
 * broken machine isn't kept busy with breaking.
 */
export class InstanceMaker implements AsyncDisposable {
  readonly #options: InstanceMakerOptions;
  /** Called whenever one may be made that could not be before, and when making one has failed. */
  readonly #onChange: () => void;
  /** MB that others with a better claim than this are still to have. */
  readonly #setAsideMb: (claim: Claim) => number;
  readonly #abort = new AbortController();
  /** Of every instance that is there or coming. */
  #memoryMb = 0;
  /** All that are being made. */
  #making = 0;
  /** Of these, the ones for pools. */
  #forPools = 0;
  #settled: (() => void) | undefined;
  #backOffMs = FIRST_BACK_OFF_MS;
  #retry: Timer | undefined;
  #lastError: Error | undefined;

  constructor(options: InstanceMakerOptions, setAsideMb: (claim: Claim) => number, onChange: () => void) {
    this.#setAsideMb = setAsideMb;
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Why no instance could be made, if that is so at present. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Of every instance that is there or coming: MB. */
  get memoryMb(): number {
    return this.#memoryMb;
  }

  /** Whether it is the time for another instance of a pool, if there is memory for it. */
  get isFree(): boolean {
    const { atOnce } = this.#options;
    return this.#retry === undefined && !this.#abort.signal.aborted && this.#forPools < atOnce;
  }

  /** Whether another instance of this size may be made. */
  affords(memoryMb: number, claim: Claim = 'on-demand'): boolean {
    return this.#memoryMb + memoryMb + this.#setAsideMb(claim) <= this.#options.maxMemoryMb;
  }

  /**
   * Begins to make an instance for a pool, in the background, and returns its id; undefined where it is not the time: as
   * many are being made as may be, the memory is used up, the last one failed a moment ago, or the server is stopping.
   */
  begin(plan: InstancePlan, receiver: Receiver): string | undefined {
    if (!this.isFree || !this.affords(plan.memoryMb, plan.claim)) return undefined;
    this.#forPools++;
    const { id, coming } = this.#make(plan);
    void this.#makeFor(receiver, id, coming);
    return id;
  }

  /** Makes one instance that somebody waits for, whatever else is being made. Rejects with a {@link ProviderError}. */
  async boot(plan: InstancePlan): Promise<Instance> {
    const { memoryMb } = plan;
    if (!this.affords(memoryMb)) {
      throw new ProviderError(
        `an instance of ${memoryMb} MB doesn't fit into what Hearth may use`,
        'Give Hearth more memory, or the function less.',
      );
    }
    const { id, coming } = this.#make(plan);
    this.hurry(id);
    return coming;
  }

  /** Somebody waits for this one, see {@link Provider.hurry}. */
  hurry(id: string): void {
    this.#options.provider.hurry?.(id);
  }

  /** Ends what is being made. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new ProviderError('the server is stopping', 'Start it again.'));
    this.#retry?.cancel();
    if (this.#making > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
  }

  async #makeFor(receiver: Receiver, id: string, coming: Promise<Instance>): Promise<void> {
    try {
      const instance = await coming;
      this.#lastError = undefined;
      this.#backOffMs = FIRST_BACK_OFF_MS;
      this.#forPools--;
      receiver.made(instance);
    } catch (error) {
      this.#forPools--;
      if (!this.#abort.signal.aborted) this.#failed(error as Error);
      receiver.failed(id, error as Error);
    }
    this.#onChange();
  }

  #failed(error: Error): void {
    const { clock, onLog } = this.#options;
    this.#lastError = error;
    const hint = error instanceof ProviderError ? ` Hint: ${error.hint}` : '';
    onLog('error', `an instance could not be made: ${error.message}${hint}`);
    this.#retry ??= clock.setTimer(this.#backOffMs, () => {
      this.#retry = undefined;
      this.#onChange();
    });
    this.#backOffMs = Math.min(2 * this.#backOffMs, LAST_BACK_OFF_MS);
  }

  #make({ memoryMb, runtimes }: InstancePlan): { id: string; coming: Promise<Instance> } {
    const { provider, instanceMemoryMb, instanceCpus, spares, slots, maxSandboxes } = this.#options;
    const id = `i-${randomBytes(6).toString('hex')}`;
    const cpus = Math.max(instanceCpus, (instanceCpus * memoryMb) / instanceMemoryMb);
    this.#memoryMb += memoryMb;
    this.#making++;
    const making = provider.make({ id, memoryMb, cpus, runtimes, spares, slots, maxSandboxes }, this.#abort.signal);
    return { id, coming: this.#watch(making, memoryMb) };
  }

  async #watch(making: Promise<Instance>, memoryMb: number): Promise<Instance> {
    try {
      const instance = await making;
      if (this.#abort.signal.aborted) {
        await instance[Symbol.asyncDispose]();
        throw this.#abort.signal.reason;
      }
      instance.onGone(() => {
        this.#memoryMb -= memoryMb;
        // After whoever else listens has taken note of the loss.
        queueMicrotask(() => this.#onChange());
      });
      return instance;
    } catch (error) {
      this.#memoryMb -= memoryMb;
      throw error;
    } finally {
      if (--this.#making === 0) this.#settled?.();
    }
  }
}
