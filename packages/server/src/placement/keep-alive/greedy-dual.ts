import type { KeepAliveOptions, KeepAlivePolicy, Resting, VersionKeepAlive } from './policy.ts';
import { VersionTable } from './version-table.ts';
import { inWords } from './words.ts';

/** What a new sandbox costs where its init has not been measured: ms. */
const USUAL_INIT_MS = 10;

/**
 * Keep-alive as a cache (Fuerst and Sharma, "FaasCache: Keeping Serverless Computing Alive with Greedy-Dual Caching", ASPLOS 2021):
 * nothing goes before its memory is needed. Then the sandbox with the least priority does, which is
 * clock + frequency x cost / size: how often its function is called, what its init takes, what it uses. The clock is the priority
 * of what went last, so that whatever is not used any more grows old.
 */
export class GreedyDualKeepAlive implements KeepAlivePolicy {
  readonly name = 'greedy-dual';
  readonly maxIdleMs: number;
  readonly why: string;
  clock = 0;
  readonly #versions = new VersionTable(() => new VersionFrequency(this));

  constructor({ maxIdleMs }: KeepAliveOptions) {
    this.maxIdleMs = maxIdleMs;
    this.why = `each is kept until its memory is needed, at most ${inWords(maxIdleMs)}`;
  }

  of(version: string): VersionKeepAlive {
    return this.#versions.of(version);
  }

  forget(version: string): void {
    this.#versions.forget(version);
  }

  spent(): void {}
}

class VersionFrequency implements VersionKeepAlive {
  readonly #policy: GreedyDualKeepAlive;
  #uses = 0;

  constructor(policy: GreedyDualKeepAlive) {
    this.#policy = policy;
  }

  needed(): void {
    this.#uses++;
  }

  rested(sandbox: Resting): void {
    const { clock, maxIdleMs, why } = this.#policy;
    const cost = sandbox.loadedInMs > 0 ? sandbox.loadedInMs : USUAL_INIT_MS;
    sandbox.keepPriority = clock + (Math.max(1, this.#uses) * cost) / Math.max(1, sandbox.usedMb);
    sandbox.keepMs = maxIdleMs;
    sandbox.keepWhy = why;
  }

  expired(sandbox: Resting): undefined {
    this.#gone(sandbox);
    return undefined;
  }

  evicted(sandbox: Resting): void {
    this.#policy.clock = Math.max(this.#policy.clock, sandbox.keepPriority);
    this.#gone(sandbox);
  }

  /** The paper counts anew once the last one of a function is gone. */
  #gone({ rank }: Resting): void {
    if (rank === 1) this.#uses = 0;
  }
}
