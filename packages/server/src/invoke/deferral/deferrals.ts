import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { DemandForecast } from '../../capacity/trend/demand-forecast.ts';
import type { Clock } from '../../instances/clock.ts';
import type { Invocation, InvocationOutcome } from '../invocation.ts';
import type { RecordSink } from '../ports.ts';
import { decide } from './decision.ts';
import { DeferredCall } from './deferred-call.ts';
import type { DeferrableCall, Ran } from './ports.ts';

/** Events that may be kept waiting, and their bytes: one more is run at once. */
const MOST_WAITING = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** A decision is looked at again so many times in the time there is, since forecasts err, */
const LOOKS = 20;
/** but not more often than this. */
const SHORTEST_LOOK_MS = 1_000;
/** After it was throttled, it tries again after this, while there is time. */
const RETRY_MS = 1_000;
/** A cold start, and what else comes before a function runs: its own history does not always contain one. */
const MARGIN_MS = 500;

export interface DeferralsOptions {
  readonly clock: Clock;
  readonly forecast: DemandForecast;
  readonly records: RecordSink;
  readonly run: (invocation: Invocation) => Promise<InvocationOutcome>;
  /** How long an invocation takes, from arrival to answer: ms; undefined where nothing is known of it. */
  readonly expectedMs: (spec: FunctionSpec) => number | undefined;
  /** Of those that wait, how many may run at once because it is cheap: they must not make the demand that they avoid. */
  readonly atOnce: number;
}

/**
 * Invocations that are not time-sensitive (rows D9 and D10): each begins at once where to wait saves nothing, else at a time with less demand,
 * and in any case in time for its deadline. None is lost: each is answered with what ran, with why it did not, or has nobody left to answer.
 */
export class Deferrals implements Disposable {
  readonly #options: DeferralsOptions;
  readonly #waiting = new Set<DeferredCall>();
  /** Of those the ones for which it is cheap enough, and which wait for one of the others to end; oldest first. */
  readonly #ready = new Set<DeferredCall>();
  #bytes = 0;
  #running = 0;
  #closed = false;

  constructor(options: DeferralsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Rejects with an ApiError as an invocation does, and where it is to fail rather than run at a dear time. */
  invoke(call: DeferrableCall): Promise<Ran> {
    if (this.#closed) return Promise.reject(stopping());
    const { spec, payload } = call.invocation;
    const { clock, forecast, records } = this.#options;
    const expectedMs = Math.round((this.#options.expectedMs(spec) ?? spec.timeoutMs) + MARGIN_MS);
    return new Promise((resolve, reject) => {
      const deferred = new DeferredCall(call, expectedMs, { clock, records, resolve, reject });
      const decision = decide(forecast, clock.wallTime(), deferred.latestStart);
      if (decision.kind === 'now') return void this.#begin(deferred, decision.why);
      if (this.#waiting.size >= MOST_WAITING || this.#bytes + payload.length > MOST_BYTES) {
        return void this.#begin(deferred, 'too many wait already');
      }
      this.#wait(deferred, decision.at, decision.why);
    });
  }

  /** Those that wait are told that the server stops. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const deferred of this.#waiting) this.#refuse(deferred, 'failed', stopping());
  }

  /** @param at when to look again at the latest: ms since the epoch. */
  #wait(deferred: DeferredCall, at: number, why: string): void {
    const { clock } = this.#options;
    if (deferred.isGone) return this.#refuse(deferred, 'cancelled', nobodyWaits());
    if (!this.#waiting.has(deferred)) {
      this.#waiting.add(deferred);
      this.#bytes += deferred.bytes;
    }
    deferred.delay(why, () => this.#refuse(deferred, 'cancelled', nobodyWaits()));
    this.#lookLater(deferred, at - clock.wallTime());
  }

  #look(deferred: DeferredCall): void {
    const { clock, forecast, atOnce } = this.#options;
    const left = deferred.latestAt - clock.now();
    if (left <= 0) return this.#due(deferred);
    const now = clock.wallTime();
    const decision = decide(forecast, now, now + left);
    if (decision.kind === 'later') {
      this.#ready.delete(deferred);
      return this.#wait(deferred, decision.at, decision.why);
    }
    if (this.#running < atOnce) return void this.#begin(deferred, decision.why);
    this.#ready.add(deferred);
    this.#lookLater(deferred, Infinity);
  }

  #lookLater(deferred: DeferredCall, ms: number): void {
    const left = deferred.latestAt - this.#options.clock.now();
    const delay = Math.max(SHORTEST_LOOK_MS, Math.min(ms, left / LOOKS));
    deferred.lookAfter(Math.min(left, delay), () => this.#look(deferred));
  }

  /** It has to begin now, or not at all. */
  #due(deferred: DeferredCall): void {
    if (deferred.whenDue === 'run') return void this.#begin(deferred, 'no cheaper time came before it had to begin');
    const message = 'No cheaper time came for a deferrable invocation that is not to be run otherwise.';
    this.#refuse(deferred, 'throttled', new ApiError('TooManyRequestsException', message));
  }

  async #begin(deferred: DeferredCall, why: string): Promise<void> {
    const waited = this.#leave(deferred);
    if (waited) this.#running++;
    try {
      const invocation = deferred.begin(why);
      deferred.resolve({ invocation, outcome: await this.#options.run(invocation) });
    } catch (error) {
      this.#failed(deferred, error as Error);
    } finally {
      if (waited) {
        this.#running--;
        const next = this.#ready.values().next().value;
        if (next !== undefined) this.#look(next);
      }
    }
  }

  /** It did not run. Where a limit kept it from that, and there is time, it tries again. */
  #failed(deferred: DeferredCall, error: Error): void {
    const { clock } = this.#options;
    const throttled = error instanceof ApiError && error.code === 'TooManyRequestsException';
    const left = deferred.latestAt - clock.now();
    if (!throttled || left <= 0 || this.#closed || deferred.isGone) return this.#refuse(deferred, 'failed', error);
    this.#wait(deferred, clock.wallTime() + Math.min(left, RETRY_MS), `it was throttled: ${error.message}`);
  }

  #refuse(deferred: DeferredCall, status: 'failed' | 'throttled' | 'cancelled', error: Error): void {
    this.#leave(deferred);
    deferred.refuse(status, error);
  }

  /** @returns whether it had waited. */
  #leave(deferred: DeferredCall): boolean {
    deferred.stopWaiting();
    this.#ready.delete(deferred);
    if (!this.#waiting.delete(deferred)) return false;
    this.#bytes -= deferred.bytes;
    return true;
  }
}

function nobodyWaits(): Error {
  return new Error('Its caller went away before it began.');
}

function stopping(): ApiError {
  return new ApiError('ServiceUnavailableException', 'The server is stopping.');
}
