import type { Clock, Timer } from '../instances/clock.ts';
import type { Instance } from '../instances/provider.ts';

/** An agent answers in milliseconds, on a machine that is much too busy in seconds. */
const SILENT_MS = 30_000;
/** Turns of the event loop: one for each step of an answer's way through streams, and some more. */
const LAST_TURNS = 10;
/** A round in which all were healthy makes the next this many times as long ... */
const LONGER = 1.5;
/** ... up to so many times what was configured: an hour, where that is five minutes. */
const LONGEST = 12;
/** After a failure it is this part of what was configured: what made one ill may have the others too. */
const SHORTER = 1 / 5;

export interface HealthCheckOptions {
  readonly clock: Clock;
  /** Between two checks of the same instance, to begin with: ms. 0 for none at all. */
  readonly intervalMs: number;
  /** The instance is ill, or its agent says nothing: it is not checked any more. `reason` in words. */
  readonly onUnhealthy: (instance: Instance, reason: string) => void;
}

/**
 * Asks the agents of instances, one after the other, whether all is well (row X22). Each has its turn once in an
 * interval, which grows while all are healthy and shrinks when one is not.
 */
export class HealthCheck implements Disposable {
  readonly #options: HealthCheckOptions;
  /** Who comes next is first. */
  readonly #instances = new Set<Instance>();
  readonly #checking = new Map<Instance, Timer>();
  #intervalMs: number;
  /** Healthy answers in a row. */
  #healthy = 0;
  #timer: Timer | undefined;
  /** When it is to fire. */
  #due = 0;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
  }

  /** At present. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Checks this instance from now on, until it is removed or gone. */
  add(instance: Instance): void {
    if (this.#options.intervalMs === 0) return;
    this.#instances.add(instance);
    instance.onGone(() => this.remove(instance));
    this.#wait();
  }

  /** Harmless for one that isn't checked. */
  remove(instance: Instance): void {
    this.#instances.delete(instance);
    this.#checking.get(instance)?.cancel();
    this.#checking.delete(instance);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const instance of this.#instances) this.remove(instance);
  }

  /** For whoever is next; not longer than before, where that was planned already. */
  #wait(): void {
    if (this.#instances.size === 0) return;
    const { clock } = this.#options;
    const delayMs = this.#intervalMs / this.#instances.size;
    const due = clock.now() + delayMs;
    if (this.#timer !== undefined && this.#due <= due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = clock.setTimer(delayMs, this.#next);
  }

  readonly #next = (): void => {
    this.#timer = undefined;
    const [instance] = this.#instances;
    if (instance === undefined) return;
    this.#instances.delete(instance);
    this.#instances.add(instance);
    void this.#check(instance);
    this.#wait();
  };

  async #check(instance: Instance): Promise<void> {
    if (this.#checking.has(instance)) return;
    const timeout = this.#options.clock.setTimer(SILENT_MS, () => this.#onSilent(instance, timeout));
    this.#checking.set(instance, timeout);
    let problems: readonly string[];
    try {
      problems = await instance.check();
    } catch {
      // It is gone, which whoever owns it is told.
      return;
    }
    const timer = this.#checking.get(instance);
    if (timer === undefined) return;
    timer.cancel();
    this.#checking.delete(instance);
    if (problems.length > 0) this.#onUnhealthy(instance, problems.join('; '));
    else if (++this.#healthy >= this.#instances.size) {
      this.#healthy = 0;
      this.#intervalMs = Math.min(this.#intervalMs * LONGER, this.#options.intervalMs * LONGEST);
    }
  }

  /** After a pause of the server itself the answer may be there, and nobody has read it. */
  #onSilent(instance: Instance, timeout: Timer, turns = 0): void {
    if (this.#checking.get(instance) !== timeout) return;
    if (turns < LAST_TURNS) setImmediate(() => this.#onSilent(instance, timeout, turns + 1));
    else this.#onUnhealthy(instance, `its agent said nothing for ${SILENT_MS / 1000} s`);
  }

  #onUnhealthy(instance: Instance, reason: string): void {
    this.remove(instance);
    this.#healthy = 0;
    this.#intervalMs = this.#options.intervalMs * SHORTER;
    this.#wait();
    this.#options.onUnhealthy(instance, reason);
  }
}
