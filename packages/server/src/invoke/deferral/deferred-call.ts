import type { Clock, Timer } from '../../instances/clock.ts';
import type { Invocation } from '../invocation.ts';
import type { OpenRecord, RecordSink } from '../ports.ts';
import type { DeferrableCall, Ran } from './ports.ts';
import type { Deferral, DeferralTerms } from './terms.ts';

export interface DeferredCallOptions {
  readonly clock: Clock;
  readonly records: RecordSink;
  readonly resolve: (ran: Ran) => void;
  readonly reject: (error: Error) => void;
}

/** One invocation that may wait, from its arrival to its beginning: its record until then, its timer, whoever waits for it. */
export class DeferredCall {
  /** By the clock: when it has to begin. */
  readonly latestAt: number;
  /** The same in ms since the epoch. */
  readonly latestStart: number;
  readonly whenDue: DeferralTerms['whenDue'];
  readonly resolve: (ran: Ran) => void;
  readonly #call: DeferrableCall;
  readonly #options: DeferredCallOptions;
  readonly #receivedAt: number;
  readonly #facts: Deferral;
  /** Of the time that it waits; present once it has to. */
  #record: OpenRecord | undefined;
  #timer: Timer | undefined;
  #onGone: (() => void) | undefined;

  /** @param expectedMs how long it takes once it has begun. */
  constructor(call: DeferrableCall, expectedMs: number, options: DeferredCallOptions) {
    const { clock } = options;
    const { runBy, whenDue } = call.terms;
    this.#call = call;
    this.#options = options;
    this.resolve = options.resolve;
    this.whenDue = whenDue;
    const now = clock.wallTime();
    this.#receivedAt = clock.now();
    this.latestStart = runBy - expectedMs;
    // From here on by the clock that doesn't jump.
    this.latestAt = this.#receivedAt + this.latestStart - now;
    this.#facts = {
      receivedAt: new Date(now).toISOString(),
      runBy: new Date(runBy).toISOString(),
      latestStart: new Date(this.latestStart).toISOString(),
      expectedMs,
      delayedBecause: null,
      begunBecause: null,
      waited: 0,
    };
  }

  get bytes(): number {
    return this.#call.invocation.payload.length;
  }

  get isGone(): boolean {
    return this.#call.gone.aborted;
  }

  /** It waits, for a reason in words. `onGone` is called where nobody waits for its answer any more. */
  delay(why: string, onGone: () => void): void {
    this.#facts.delayedBecause ??= why;
    if (this.#record === undefined) {
      const { requestId, spec, reason } = this.#call.invocation;
      this.#record = this.#options.records.begin(requestId, spec, reason, this.#options.clock.wallTime());
      this.#record.deferral = this.#facts;
    }
    this.#record.status = 'deferred';
    this.#record.reason = why;
    if (this.#onGone !== undefined) return;
    this.#onGone = onGone;
    this.#call.gone.addEventListener('abort', onGone);
  }

  lookAfter(delayMs: number, look: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, look);
  }

  stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#onGone !== undefined) this.#call.gone.removeEventListener('abort', this.#onGone);
    this.#onGone = undefined;
  }

  /** What is to run now. @throws ApiError where its function is gone. */
  begin(why: string): Invocation {
    this.#facts.begunBecause = why;
    this.#facts.waited = this.#options.clock.now() - this.#receivedAt;
    const invocation = this.#record === undefined ? this.#call.invocation : this.#call.resolveAgain();
    return { ...invocation, deferral: this.#facts };
  }

  /** It never ran; nobody is told more than once. */
  refuse(status: 'failed' | 'throttled' | 'cancelled', error: Error): void {
    if (this.#record !== undefined) {
      const milliseconds = this.#options.clock.now() - this.#receivedAt;
      this.#facts.waited = milliseconds;
      this.#record.status = status;
      this.#record.error = error.message;
      this.#record.endedUs = Math.round(milliseconds * 1000);
      this.#options.records.end(this.#record, milliseconds);
    }
    this.#options.reject(error);
  }
}
