import type { Invocation, InvocationOutcome } from '../invocation.ts';
import type { DeferralTerms } from './terms.ts';

/** An invocation that may wait for a cheaper time. */
export interface DeferrableCall {
  /** As it is resolved when the request comes. */
  readonly invocation: Invocation;
  readonly terms: DeferralTerms;
  /**
   * What the request names at the moment at which it begins: its function may have changed by then.
   *
   * @throws ApiError where there is no such function any more.
   */
  resolveAgain(): Invocation;
  /** Aborted where nobody waits for the answer any more. What has begun goes on. */
  readonly gone: AbortSignal;
}

/** What ran, and how it ended. */
export interface Ran {
  readonly invocation: Invocation;
  readonly outcome: InvocationOutcome;
}
