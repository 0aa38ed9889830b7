import type { Clock, Timer } from '../instances/clock.ts';
import type { InstanceIndex } from './instance-index.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Replacements } from './replacements.ts';
import { surplus } from './surplus.ts';
import type { ServerLog } from './ports.ts';

/** How often the instances are looked at. */
const LOOK_MS = 10_000;
/** An account has too many instances if it had at so many looks, one after the other: the troughs of a load that comes in waves don't count. */
const LOOKS = 6;

export interface ScaleInOptions {
  readonly clock: Clock;
  readonly index: InstanceIndex;
  readonly replacements: Replacements;
  /** See {@link surplus}; 0 where no instance is to end for want of use. */
  readonly scaleInBelow: number;
  /** This instance takes no more work, and ends when what it executes has ended. */
  readonly onSurplus: (instance: ManagedInstance, reason: string) => void;
  readonly onLog: ServerLog;
}

/**
 * Gives instances back that an account does not need (rows A6 to A8), though they may be executing. Before one takes no more work, what only it has
 * loaded is loaded on another, so that the account is no colder afterwards. Nothing of this is on the way of a request.
 */
export class ScaleIn implements Disposable {
  readonly #options: ScaleInOptions;
  /** At how many looks, one after the other, a home had an instance too many. */
  readonly #looks = new Map<string, number>();
  /** Homes of which an instance is being replaced. */
  readonly #moving = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: ScaleInOptions) {
    this.#options = options;
    if (options.scaleInBelow > 0) this.#wait();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => {
      this.#look();
      this.#wait();
    });
  }

  #look(): void {
    const { index, clock, scaleInBelow } = this.#options;
    const now = clock.now();
    for (const home of this.#looks.keys()) if (index.countOf(home) < 2) this.#looks.delete(home);
    for (const home of index.homes) {
      if (this.#moving.has(home)) continue;
      const found = surplus(index.instancesOf(home), now, scaleInBelow);
      const looks = found === undefined ? 0 : (this.#looks.get(home) ?? 0) + 1;
      if (looks === 0) this.#looks.delete(home);
      else this.#looks.set(home, looks);
      if (found !== undefined && looks >= LOOKS) void this.#giveBack(home, found);
    }
  }

  async #giveBack(home: string, instance: ManagedInstance): Promise<void> {
    const { replacements, onSurplus, onLog } = this.#options;
    this.#moving.add(home);
    instance.shut();
    try {
      await replacements.makeBefore(instance);
      onSurplus(instance, "the account's other instances hold all that runs");
    } catch (error) {
      onLog('info', `instance ${instance.id} goes on: ${(error as Error).message}`);
      instance.reopen();
    } finally {
      this.#moving.delete(home);
    }
  }
}
