/** What the caller of an invocation that is not time-sensitive says about it. */
export interface DeferralTerms {
  /** It must have its answer by then, as far as can be told: ms since the epoch. */
  readonly runBy: number;
  /** What happens where no cheaper time has come when it has to begin: it is run all the same, or not at all. */
  readonly whenDue: 'run' | 'fail';
}

/** How and why an invocation was deferred, for its record. Times in ISO 8601. */
export interface Deferral {
  /** When the request came; the record's own `receivedAt` is when it began. */
  readonly receivedAt: string;
  readonly runBy: string;
  /** The latest time to begin: by `runBy` less what the function is expected to take. */
  readonly latestStart: string;
  /** What the function is expected to take: ms. */
  readonly expectedMs: number;
  /** Why it waited, in words; null where it did not. */
  delayedBecause: string | null;
  /** Why it began when it did; null before. */
  begunBecause: string | null;
  /** Milliseconds that it waited. */
  waited: number;
}
