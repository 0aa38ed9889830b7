import type { Clock, Timer } from '../instances/clock.ts';

/** How often the counters are read. */
const TICK_MS = 1_000;

/** A rate over the last so many ticks, of a counter that only grows. */
class Meter {
  readonly #counts: Float64Array;
  #last = 0;
  #next = 0;
  #sum = 0;

  constructor(ticks: number) {
    this.#counts = new Float64Array(ticks);
  }

  tick(total: number): void {
    const count = total - this.#last;
    this.#last = total;
    this.#sum += count - this.#counts[this.#next]!;
    this.#counts[this.#next] = count;
    this.#next = (this.#next + 1) % this.#counts.length;
  }

  /** Counted in the window, what has come since the last tick included. */
  count(total: number): number {
    return this.#sum + total - this.#last;
  }
}

/** What is counted, by whoever does it: reading must be cheap. */
export interface Counters {
  /** Requests to run something, since the start. */
  requests(): number;
  /** Instances that left the pool for an account, since the start. */
  draws(): number;
}

const REQUEST_TICKS = 10;
const DRAW_TICKS = 60;

/**
 * The current rates of requests and of draws (row A2). Who is counted adds one to a number; a timer reads it. Nothing
 * else is paid for it.
 */
export class RateMonitor implements Disposable {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #onTick: () => void;
  readonly #requests = new Meter(REQUEST_TICKS);
  readonly #draws = new Meter(DRAW_TICKS);
  #timer: Timer | undefined;

  /** @param onTick called after each reading. */
  constructor(clock: Clock, counters: Counters, onTick: () => void) {
    this.#clock = clock;
    this.#counters = counters;
    this.#onTick = onTick;
  }

  start(): void {
    this.#timer ??= this.#clock.setTimer(TICK_MS, this.#tick);
  }

  /** Over the last ten seconds. */
  get requestsPerSecond(): number {
    return this.#requests.count(this.#counters.requests()) / REQUEST_TICKS;
  }

  /** Over the last minute. */
  get drawsPerMinute(): number {
    return this.#draws.count(this.#counters.draws());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #tick = (): void => {
    this.#timer = this.#clock.setTimer(TICK_MS, this.#tick);
    this.#requests.tick(this.#counters.requests());
    this.#draws.tick(this.#counters.draws());
    this.#onTick();
  };
}
