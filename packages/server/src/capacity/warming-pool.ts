import { randomBytes } from 'node:crypto';
import type { RuntimeId } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import { ProviderError } from '../instances/provider.ts';
import type { Instance, InstanceRequest, Provider } from '../instances/provider.ts';

export interface CapacityOptions {
  readonly provider: Provider;
  readonly clock: Clock;
  /**
   * Warm instances kept in `general`. Two, so that a second account, or a burst that outgrows one instance, doesn't
   * wait while the first is replaced.
   */
  readonly warm: number;
  /** Size of each instance of the pool. */
  readonly instanceMemoryMb: number;
  readonly instanceCpus: number;
  /** Whose zygotes a new instance of the pool boots with, beside the built-in one's. */
  readonly runtimes: () => readonly RuntimeId[];
  readonly spares: number;
  readonly slots: number;
  readonly maxSandboxes: number;
  /** All instances together, those that boot included. */
  readonly maxMemoryMb: number;
  /** Instances made at once: more than the machine has processors would only be ready later, each of them. */
  readonly atOnce: number;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/**
 * Making an instance keeps a processor busy for half a second. Whoever took the last one has an invocation to run
 * first; whoever finds none doesn't wait for this.
 */
const REPLACE_AFTER_MS = 100;

const FIRST_BACK_OFF_MS = 1_000;
const LAST_BACK_OFF_MS = 60_000;

/**
 * The sub-pool `general`: instances that belong to no account, ready before anyone asks. Each one taken is replaced in
 * the background; where making fails, it is tried again after a second, then after twice as long, up to a minute, so
 * that a broken machine isn't kept busy with breaking.
 */
export class WarmingPool implements AsyncDisposable {
  readonly #options: CapacityOptions;
  readonly #warm: Instance[] = [];
  /** Every instance that takes memory, warm or taken, by id. */
  readonly #memory = new Map<string, number>();
  readonly #abort = new AbortController();
  #booting = 0;
  /** Those that nobody has been waiting for so far, of the ones that boot. */
  readonly #unhurried = new Set<string>();
  #settled: (() => void) | undefined;
  #backOffMs = FIRST_BACK_OFF_MS;
  #retry: Timer | undefined;
  #replacement: Timer | undefined;
  readonly #first = Promise.withResolvers<void>();
  #lastError: Error | undefined;
  /** Called whenever an instance has become warm, one has ended, or making one has failed. */
  onChange: () => void = () => {};

  constructor(options: CapacityOptions) {
    this.#options = options;
    // Who starts it may choose not to wait.
    this.#first.promise.catch(() => undefined);
  }

  get warm(): readonly Instance[] {
    return this.#warm;
  }

  get booting(): number {
    return this.#booting;
  }

  get instanceMemoryMb(): number {
    return this.#options.instanceMemoryMb;
  }

  /** The largest instance that could be made if there were no other. */
  get maxMemoryMb(): number {
    return this.#options.maxMemoryMb;
  }

  /** Why no instance could be made, if that is so at present. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Begins to fill. Resolves with the first warm instance; rejects with what made the first attempt fail. */
  start(): Promise<void> {
    this.#refill();
    return this.#options.warm === 0 ? Promise.resolve() : this.#first.promise;
  }

  /** Takes a warm instance of at least this size out of the pool, which replaces it; undefined where there is none. */
  take(memoryMb: number): Instance | undefined {
    const index = this.#warm.findIndex((instance) => instance.memoryMb >= memoryMb);
    if (index < 0) return undefined;
    const [instance] = this.#warm.splice(index, 1);
    this.#replacement ??= this.#options.clock.setTimer(REPLACE_AFTER_MS, () => {
      this.#replacement = undefined;
      this.#refill();
    });
    return instance;
  }

  /**
   * Somebody waits for so many instances: makes sure that as many are coming at this moment, as far as memory and
   * processors allow, and that they don't stand back behind whoever is busy. Who still waits when one has come asks again.
   */
  want(count: number): void {
    this.#bootUntil(count);
    const hurried = this.#booting - this.#unhurried.size;
    for (const id of [...this.#unhurried].slice(0, Math.max(0, count - hurried))) this.#hurry(id);
  }

  /** Whether another instance of this size may be made. */
  affords(memoryMb: number): boolean {
    let total = memoryMb;
    for (const mb of this.#memory.values()) total += mb;
    return total <= this.#options.maxMemoryMb;
  }

  /** Makes one instance of an uncommon size, which doesn't go into the pool. Rejects with a {@link ProviderError}. */
  async boot(memoryMb: number): Promise<Instance> {
    if (!this.affords(memoryMb)) {
      throw new ProviderError(
        `an instance of ${memoryMb} MB doesn't fit into what Hearth may use`,
        'Give Hearth more memory, or the function less.',
      );
    }
    return this.#make(memoryMb, (id) => this.#hurry(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new ProviderError('the server is stopping', 'Start it again.'));
    this.#retry?.cancel();
    this.#replacement?.cancel();
    if (this.#booting > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
    await Promise.all(this.#warm.splice(0).map((instance) => instance[Symbol.asyncDispose]()));
  }

  #refill(): void {
    this.#bootUntil(this.#options.warm - this.#warm.length);
  }

  #bootUntil(count: number): void {
    if (this.#retry !== undefined || this.#abort.signal.aborted) return;
    const most = Math.min(count, this.#options.atOnce);
    while (this.#booting < most && this.affords(this.#options.instanceMemoryMb)) {
      this.#booting++;
      void this.#bootOne();
    }
  }

  async #bootOne(): Promise<void> {
    try {
      const instance = await this.#make(this.#options.instanceMemoryMb, (id) => this.#unhurried.add(id));
      this.#lastError = undefined;
      this.#backOffMs = FIRST_BACK_OFF_MS;
      this.#warm.push(instance);
      this.#first.resolve();
      instance.onGone(() => {
        const index = this.#warm.indexOf(instance);
        if (index >= 0) this.#warm.splice(index, 1);
      });
    } catch (error) {
      this.#first.reject(error);
      if (this.#abort.signal.aborted) return;
      this.#lastError = error as Error;
      const hint = error instanceof ProviderError ? ` Hint: ${error.hint}` : '';
      this.#options.onLog('error', `an instance could not be made: ${this.#lastError.message}${hint}`);
      this.#retry ??= this.#options.clock.setTimer(this.#backOffMs, () => {
        this.#retry = undefined;
        this.#refill();
      });
      this.#backOffMs = Math.min(2 * this.#backOffMs, LAST_BACK_OFF_MS);
    } finally {
      if (--this.#booting === 0) this.#settled?.();
      this.onChange();
      this.#refill();
    }
  }

  #hurry(id: string): void {
    this.#unhurried.delete(id);
    this.#options.provider.hurry?.(id);
  }

  /** @param onBegun told of the instance's id once its making has begun. */
  async #make(memoryMb: number, onBegun: (id: string) => void): Promise<Instance> {
    const { provider, instanceMemoryMb, instanceCpus, spares, slots, maxSandboxes } = this.#options;
    const id = `i-${randomBytes(6).toString('hex')}`;
    const cpus = Math.max(instanceCpus, (instanceCpus * memoryMb) / instanceMemoryMb);
    const runtimes = this.#options.runtimes();
    const request: InstanceRequest = { id, memoryMb, cpus, runtimes, spares, slots, maxSandboxes };
    this.#memory.set(id, memoryMb);
    try {
      const coming = provider.make(request, this.#abort.signal);
      onBegun(id);
      const instance = await coming;
      instance.onGone(() => {
        this.#memory.delete(id);
        // After whoever else listens has taken note of the loss.
        queueMicrotask(() => {
          this.#refill();
          this.onChange();
        });
      });
      return instance;
    } catch (error) {
      this.#memory.delete(id);
      throw error;
    } finally {
      this.#unhurried.delete(id);
    }
  }
}
