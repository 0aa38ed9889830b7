/** The window over which rates are taken: one second for each slot. */
const WINDOW_S = 10;
const SECOND_MS = 1_000;

/** Counts by second, for the last few: nothing to do while nothing happens. */
class Seconds {
  readonly #counts = new Float64Array(WINDOW_S);
  #second = -1;

  add(now: number): void {
    this.#move(now);
    this.#counts[this.#second % WINDOW_S]!++;
  }

  /** Of the whole window. */
  sum(now: number): number {
    this.#move(now);
    return this.#counts.reduce((all, count) => all + count, 0);
  }

  /** In the best of the seconds. */
  most(now: number): number {
    this.#move(now);
    return Math.max(...this.#counts);
  }

  #move(now: number): void {
    const second = Math.floor(now / SECOND_MS);
    for (let passed = Math.max(this.#second + 1, second - WINDOW_S + 1); passed <= second; passed++) {
      this.#counts[passed % WINDOW_S] = 0;
    }
    this.#second = second;
  }
}

/**
 * Whether one more request may wait for room (row A11): not while they come at a rate above the limit, and so many wait
 * already that they could not all be served in time, were they served for all that time as fast as in the best of the last
 * seconds. Before any was served nobody knows how fast that is: then the limit itself is taken for it.
 */
export class LoadGuard {
  readonly #limit: number;
  readonly #waitMs: number;
  readonly #entered = new Seconds();
  readonly #served = new Seconds();

  /** @param limit requests a second that may begin to wait in any case. @param waitMs for how long they wait at most. */
  constructor(limit: number, waitMs: number) {
    this.#limit = limit;
    this.#waitMs = waitMs;
  }

  entered(now: number): void {
    this.#entered.add(now);
  }

  served(now: number): void {
    this.#served.add(now);
  }

  /** @param waiting requests that wait already. */
  refuses(waiting: number, now: number): boolean {
    if (this.#entered.sum(now) <= this.#limit * WINDOW_S) return false;
    const perSecond = this.#served.most(now) || this.#limit;
    return waiting >= (perSecond * this.#waitMs) / SECOND_MS;
  }
}
