import type { FunctionSpec } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import { ManagerSet } from './manager-set.ts';
import { Ring } from './ring.ts';

/** How often it is looked at whether an account still needs all the managers that it has. */
const LOOK_MS = 10_000;
/** They are one too many if what runs would fill the others to less than this share of what they run for one account. */
const NARROW_BELOW = 0.6;

export interface PartitionOptions {
  readonly clock: Clock;
  /** How many managers there are. */
  readonly managers: number;
  /** Leases that one of them gives an account before it has had enough. */
  readonly accountLeases: number;
  readonly accountConcurrency: (account: string) => number;
  /** How many leases an account has at a manager. */
  readonly leasesOf: (manager: number, account: string) => number;
}

/**
 * Which worker managers serve whom (rows X7, N1). Each account has one by consistent hashing; others come in beside it while that has had enough of the
 * account, up to as many as the account's limit asks for. Functions with reserved concurrency have another arc of the ring: theirs is not the manager
 * that their account's other functions fill (row N2).
 */
export class Partition implements Disposable {
  readonly #options: PartitionOptions;
  readonly #shared: Ring;
  readonly #reserved: Ring;
  /** By account, and by the ARN of functions with reserved concurrency. */
  readonly #sets = new Map<string, ManagerSet>();
  readonly #reservations = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#shared = new Ring(options.managers, 'shared');
    this.#reserved = new Ring(options.managers, 'reserved');
    if (options.managers > 1) this.#wait();
  }

  /** Those that serve this function at present. */
  of({ functionArn, account }: FunctionSpec): ManagerSet {
    const reserved = this.#reservations.has(functionArn);
    const key = reserved ? functionArn : account;
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ManagerSet(account, (reserved ? this.#reserved : this.#shared).order(key));
      this.#sets.set(key, set);
    }
    return set;
  }

  /**
   * They have had enough: one more may be used.
   *
   * @returns false where there are as many as the account's limit asks for.
   */
  widen(set: ManagerSet): boolean {
    const { accountConcurrency, accountLeases } = this.#options;
    return set.widen(Math.ceil(accountConcurrency(set.account) / accountLeases));
  }

  isReserved({ functionArn }: FunctionSpec): boolean {
    return this.#reservations.has(functionArn);
  }

  /** A function has reserved concurrency from now on, or has none any more. */
  reserve({ functionArn }: Pick<FunctionSpec, 'functionArn'>, reserved: boolean): void {
    if (reserved) this.#reservations.add(functionArn);
    else if (this.#reservations.delete(functionArn)) this.#sets.delete(functionArn);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => {
      for (const set of this.#sets.values()) if (set.size > 1) this.#narrowIfIdle(set);
      this.#wait();
    });
  }

  #narrowIfIdle(set: ManagerSet): void {
    const { leasesOf, accountLeases } = this.#options;
    const leases = set.members.reduce((sum, manager) => sum + leasesOf(manager, set.account), 0);
    if (leases < NARROW_BELOW * (set.size - 1) * accountLeases) set.narrow();
  }
}
