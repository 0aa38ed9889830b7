import type { CapacityClass, FunctionSpec } from '@hearth/protocol';

/**
 * What the instances that an account has out of one sub-pool have in common while they are its own. Whoever runs something on them
 * counts it here, and holds to the limits, which may change at any time: what runs goes on then, and nothing new is begun.
 */
export class Holding {
  readonly account: string;
  /** The sub-pool's name; `none` where the instances were in no pool. */
  readonly subPool: string;
  readonly class: CapacityClass;
  /** Sandboxes that execute, or are on their way to. */
  running = 0;
  /** How many may at most; 0 where nothing more is to begin. */
  limit = Infinity;
  /** Whether the account has others that come first, so that these are for when those are short. */
  second = false;
  /** Whether only requests that ask for its class use it. */
  explicit = false;
  /** The longest time-out that a function may have which runs here: ms. */
  maxTimeoutMs = Infinity;
  /** Since the meter was read last: memory of functions times the time they executed, MB times ms. */
  usedMbMs = 0;
  invocations = 0;

  constructor(account: string, subPool: string, kind: CapacityClass) {
    this.account = account;
    this.subPool = subPool;
    this.class = kind;
  }

  /** Whether one more may begin. */
  get open(): boolean {
    return this.running < this.limit;
  }

  /** Whether the account has it whether it is used or not, so that nobody else may have its memory. */
  get isGuaranteed(): boolean {
    return this.class === 'dedicated' || this.class === 'reserved';
  }

  /** Whether it was taken out of a sub-pool that was bought, and goes back there. */
  get isBought(): boolean {
    return this.class !== 'on-demand';
  }

  /**
   * Whether a sandbox for this function may be made here.
   *
   * @param second whether it is the account's second choice, when its own sub-pools are short.
   */
  takes({ timeoutMs, capacityClass }: Pick<FunctionSpec, 'timeoutMs' | 'capacityClass'>, second: boolean): boolean {
    if (this.running >= this.limit || timeoutMs > this.maxTimeoutMs) return false;
    if (capacityClass !== undefined) return !second && capacityClass.name === this.class;
    return this.second === second && !this.explicit;
  }

  /** An invocation of a function of this size has executed for so long. */
  used(memoryMb: number, milliseconds: number): void {
    this.usedMbMs += memoryMb * milliseconds;
    this.invocations++;
  }
}
