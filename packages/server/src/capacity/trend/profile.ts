const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const WEEK_MS = 7 * DAY_MS;
/** Short enough to see a peak of a quarter of an hour, long enough that a few draws don't look like one. */
export const SLOT_MS = 10 * MINUTE_MS;

/** Weight of the newest cycle in an average: half of it is forgotten after two cycles more. */
const NEWEST = 0.3;
/** A week must have come round twice before it is believed: one week says no more than its days do. */
const WEEKS_NEEDED = 2;

/** What is kept of a profile: averages of the slots of a day and of a week, null where nothing was seen. */
export interface SavedProfile {
  readonly day: readonly (number | null)[];
  readonly week: readonly (number | null)[];
  /** How often each slot of the week has been seen. */
  readonly weeks: readonly number[];
}

/** Average by time of one cycle. */
class Cycle {
  readonly averages: Float64Array;
  readonly seen: Uint32Array;
  readonly #lengthMs: number;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.averages = new Float64Array(lengthMs / SLOT_MS);
    this.seen = new Uint32Array(lengthMs / SLOT_MS);
  }

  slot(atMs: number): number {
    return Math.floor((((atMs % this.#lengthMs) + this.#lengthMs) % this.#lengthMs) / SLOT_MS);
  }

  learn(atMs: number, mean: number): void {
    const slot = this.slot(atMs);
    const weight = this.seen[slot] === 0 ? 1 : NEWEST;
    this.averages[slot] = (1 - weight) * this.averages[slot]! + weight * mean;
    this.seen[slot]!++;
  }

  restore(averages: readonly (number | null)[], seen?: readonly number[]): void {
    for (let slot = 0; slot < this.averages.length; slot++) {
      const average = averages[slot];
      if (typeof average !== 'number' || !Number.isFinite(average)) continue;
      this.averages[slot] = average;
      this.seen[slot] = seen?.[slot] ?? 1;
    }
  }

  save(): (number | null)[] {
    return Array.from(this.averages, (average, slot) => (this.seen[slot] === 0 ? null : Number(average.toFixed(4))));
  }
}

/**
 * What a measure usually is at a time of day, and of the week: averages over slots of ten minutes, by UTC. In a zone that
 * changes its clocks it is an hour late or early for some days, until it has learnt.
 */
export class Profile {
  readonly #day = new Cycle(DAY_MS);
  readonly #week = new Cycle(WEEK_MS);

  /** The mean of a slot that is over. `atMs`, within it: ms since the epoch. */
  learn(atMs: number, mean: number): void {
    this.#day.learn(atMs, mean);
    this.#week.learn(atMs, mean);
  }

  /** What is usual at this time; undefined where it has never been seen. */
  at(atMs: number): number | undefined {
    for (const [cycle, needed] of [
      [this.#week, WEEKS_NEEDED],
      [this.#day, 1],
    ] as const) {
      const slot = cycle.slot(atMs);
      if (cycle.seen[slot]! >= needed) return cycle.averages[slot];
    }
    return undefined;
  }

  save(): SavedProfile {
    return { day: this.#day.save(), week: this.#week.save(), weeks: [...this.#week.seen] };
  }

  restore(saved: SavedProfile): void {
    this.#day.restore(saved.day);
    this.#week.restore(saved.week, saved.weeks);
  }
}
