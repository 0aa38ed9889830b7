import type { Expectation, TrendKind } from './trend/trend.ts';

/** How the pool sizes itself. */
export interface PoolSizing {
  /** Warm instances kept at least, all configurations together; 0 keeps none unless they are asked for. */
  readonly least: number;
  /** And at most. */
  readonly most: number;
  /** Instances added for each that is taken: n1 of row A1. */
  readonly refill: number;
  /** The same while it is busy: n2 of row A3. */
  readonly busyRefill: number;
  /** It is busy from so many draws a minute on ... */
  readonly busyDrawsPerMinute: number;
  /** ... or so many requests a second. */
  readonly busyRequestsPerSecond: number;
}

export interface Rates {
  readonly drawsPerMinute: number;
  readonly requestsPerSecond: number;
}

/** One instance fewer is kept after this, while fewer would do: a lull between two bursts is not the end of them. */
const SHRINK_MS = 60_000;

/**
 * How many warm instances are kept (rows A1, A3, A4, A9). Each draw adds n1, or n2 while the rate is high, so that the
 * number kept grows by what is added beyond the one taken; the trend says what the next minutes need, ahead of a peak
 * and after it. Always between least and most.
 */
export class PoolSize {
  readonly #sizing: PoolSizing;
  readonly #most: number;
  #level: number;
  #shrunkAt = 0;
  #kind: TrendKind = 'steady';

  constructor(sizing: PoolSizing) {
    this.#sizing = sizing;
    this.#most = Math.max(sizing.least, sizing.most);
    this.#level = sizing.least;
  }

  /** How many are kept now. */
  get level(): number {
    return this.#level;
  }

  /** Why. */
  get trend(): TrendKind {
    return this.#kind;
  }

  /** Whether the rate satisfies the threshold condition of row A3. */
  isBusy({ drawsPerMinute, requestsPerSecond }: Rates): boolean {
    const { busyDrawsPerMinute, busyRequestsPerSecond } = this.#sizing;
    return drawsPerMinute >= busyDrawsPerMinute || requestsPerSecond >= busyRequestsPerSecond;
  }

  /** Instances that one draw adds at this rate. */
  refill(rates: Rates): number {
    return this.isBusy(rates) ? this.#sizing.busyRefill : this.#sizing.refill;
  }

  /** One was taken: it is replaced, and what is added beyond that makes the pool larger. `now` by the clock. */
  drawn(rates: Rates, now: number): void {
    const more = this.refill(rates) - 1;
    if (more <= 0) return;
    this.#level = this.#within(this.#level + more);
    this.#shrunkAt = now;
  }

  /**
   * Follows the trend: up at once, down one at a time.
   *
   * @param expected the most draws in a minute that are to be ready for.
   * @param now by the clock.
   */
  follow(expected: Expectation, rates: Rates, now: number): void {
    const needed = this.#within(Math.round(expected.value));
    this.#kind = expected.kind;
    if (needed >= this.#level) {
      this.#level = needed;
      this.#shrunkAt = now;
    } else if (now - this.#shrunkAt >= SHRINK_MS && !this.isBusy(rates)) {
      this.#level--;
      this.#shrunkAt = now;
    }
  }

  #within(level: number): number {
    return Math.min(this.#most, Math.max(this.#sizing.least, level));
  }
}
