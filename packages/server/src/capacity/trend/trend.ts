import type { DemandForecast } from './demand-forecast.ts';
import { Profile, SLOT_MS } from './profile.ts';
import type { SavedProfile } from './profile.ts';

/**
 * Time constants of three moving averages: one that follows within half a minute, and two whose difference tells a growth
 * from the chance of a single event.
 */
const QUICK_MS = 30_000;
const MIDDLE_MS = 120_000;
const SLOW_MS = 600_000;
/** The usual value of a time is scaled by how today compares with it so far, by this factor at most either way. */
const MOST_SCALE = 3;
/** How soon the present says nothing of the future any more. */
const MEMORY_MS = 20 * 60_000;
/** A growth is not believed to go on for longer than it could be seen. */
const GROWTH_MS = SLOW_MS;
/** A load this many times what it was is a spike. */
const SPIKE = 3;
/** One that will be this many times what it is grows. */
const GROWS = 1.05;

/** Why so much is expected (row A4). */
export type TrendKind = 'steady' | 'spike' | 'growth' | 'cyclic';

export interface Expectation {
  readonly value: number;
  readonly kind: TrendKind;
}

/**
 * The trend of one measure of the fleet: what it is now, where it is going, and what it usually is at a time of day or
 * week. Told of the measure at every few seconds; costs a few additions each time.
 */
export class Trend implements DemandForecast {
  readonly #profile = new Profile();
  #observedAt: number | undefined;
  #quick = 0;
  #middle = 0;
  #slow = 0;
  /** Of the slot that is under way. */
  #slot: number | undefined;
  #sum = 0;
  #weight = 0;

  /** @param value the measure's mean since the last call. @param atMs ms since the epoch; a jump does no harm. */
  observe(value: number, atMs: number): void {
    const elapsed = this.#observedAt === undefined ? 0 : atMs - this.#observedAt;
    this.#observedAt = atMs;
    const step = Math.min(Math.max(elapsed, 0), SLOW_MS);
    this.#quick += (1 - Math.exp(-step / QUICK_MS)) * (value - this.#quick);
    this.#middle += (1 - Math.exp(-step / MIDDLE_MS)) * (value - this.#middle);
    this.#slow += (1 - Math.exp(-step / SLOW_MS)) * (value - this.#slow);
    this.#count(value, step, atMs);
  }

  now(): number {
    return this.#quick;
  }

  /** The present fades, and what is usual takes over; without any of that, what has been so far. */
  expected(atMs: number): number {
    if (this.#observedAt === undefined) return 0;
    const ahead = Math.max(0, atMs - this.#observedAt);
    const present = Math.exp(-ahead / MEMORY_MS);
    const later = this.#usual(atMs) ?? this.#slow;
    return present * this.#going(ahead) + (1 - present) * later;
  }

  /** The most that is to be ready for within this time, and why: of all kinds of trend the one that says most. */
  most(withinMs: number): Expectation {
    if (this.#observedAt === undefined) return { value: 0, kind: 'steady' };
    const from = this.#observedAt;
    let usual = 0;
    for (let at = from; at < from + withinMs; at += SLOT_MS) usual = Math.max(usual, this.#usual(at) ?? 0);
    usual = Math.max(usual, this.#usual(from + withinMs) ?? 0);
    const growing = this.#going(withinMs);
    if (usual > Math.max(growing, this.#quick)) return { value: usual, kind: 'cyclic' };
    if (this.#quick > SPIKE * this.#slow) return { value: Math.max(this.#quick, growing), kind: 'spike' };
    if (growing > GROWS * this.#quick) return { value: growing, kind: 'growth' };
    return { value: this.#quick, kind: 'steady' };
  }

  save(): SavedProfile {
    return this.#profile.save();
  }

  restore(saved: SavedProfile): void {
    this.#profile.restore(saved);
  }

  /**
   * The present level if it goes on as it does. An average with time constant T lags behind a ramp by T times its slope:
   * two of them give the slope.
   */
  #going(aheadMs: number): number {
    const slope = (this.#middle - this.#slow) / (SLOW_MS - MIDDLE_MS);
    return Math.max(0, this.#quick + slope * (QUICK_MS + Math.min(aheadMs, GROWTH_MS)));
  }

  /** What is usual at a time, as today compares with other days; undefined where nothing is known of it. */
  #usual(atMs: number): number | undefined {
    const then = this.#profile.at(atMs);
    if (then === undefined) return undefined;
    const now = this.#profile.at(this.#observedAt!);
    // Where nothing is usual at this time, a comparison says nothing.
    if (now === undefined || now < 1e-6) return then;
    return then * Math.min(MOST_SCALE, Math.max(1 / MOST_SCALE, this.#slow / now));
  }

  #count(value: number, step: number, atMs: number): void {
    const slot = Math.floor(atMs / SLOT_MS);
    if (slot !== this.#slot) {
      // A slot of which little was seen would say little.
      if (this.#slot !== undefined && this.#weight >= SLOT_MS / 2) {
        this.#profile.learn(this.#slot * SLOT_MS, this.#sum / this.#weight);
      }
      this.#slot = slot;
      this.#sum = this.#weight = 0;
    }
    this.#sum += value * step;
    this.#weight += step;
  }
}
