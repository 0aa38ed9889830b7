import { RolloutError } from '@hearth/protocol';
import type { CanaryPolicy } from './policy.ts';

/** Where no number of requests says how many there will be, so many are taken for the least that an error rate can be told from. */
const LEAST_SAMPLE = 20;

/**
 * A part of the invocations runs a new version, and their errors are counted (row V20). It passes when its time or its number of
 * invocations is over, and fails as soon as more have failed than may: of as many as are to come at least, so that not the
 * first error decides where some are allowed.
 */
export class Canary implements Disposable {
  /** Resolves when it has passed; rejects with a {@link RolloutError} where it has failed. */
  readonly passed: Promise<void>;
  readonly #policy: CanaryPolicy;
  readonly #timer: Disposable | undefined;
  readonly #resolve: () => void;
  readonly #reject: (error: RolloutError) => void;
  /** What the share of the invocations so far adds up to, less what has been taken. */
  #due = 0;
  #ended = 0;
  #failed = 0;

  /** @param schedule calls back after some milliseconds. */
  constructor(policy: CanaryPolicy, schedule: (milliseconds: number, callback: () => void) => Disposable) {
    this.#policy = policy;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.passed = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    if (policy.ms < Infinity) this.#timer = schedule(policy.ms, () => this.#judge(this.#ended));
  }

  /** Whether the next invocation is one of those that run the new version. Exact: of any ten, one where the share is a tenth. */
  take(): boolean {
    this.#due += this.#policy.share;
    if (this.#due < 1) return false;
    this.#due -= 1;
    return true;
  }

  /** An invocation of the new version has ended. */
  report(failed: boolean): void {
    const { requests } = this.#policy;
    this.#ended++;
    if (failed) this.#failed++;
    const least = requests < Infinity ? requests : LEAST_SAMPLE;
    if (this.#isTooMany(Math.max(this.#ended, least))) this.#judge(this.#ended);
    else if (this.#ended >= requests) this.#resolve();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#resolve();
  }

  #isTooMany(of: number): boolean {
    return this.#failed > this.#policy.errors * of;
  }

  #judge(of: number): void {
    if (!this.#isTooMany(of)) return this.#resolve();
    const allowed = `${this.#policy.errors * 100} %`;
    const text = `The canary was rolled back: ${this.#failed} of ${this.#ended} invocations of the new version failed, more than ${allowed}.`;
    this.#reject(new RolloutError('FunctionError', text));
  }
}
