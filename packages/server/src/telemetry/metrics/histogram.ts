/**
 * Upper bounds of the buckets of a duration, in seconds: from what a warm call takes (under 0.1 ms) to the longest that
 * an invocation may (15 minutes). Steps of about 2.5, as Prometheus' own defaults have, so a quantile is off by at most
 * that factor within its bucket.
 */
const DURATION_BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
] as const;

/** Counts durations in fixed buckets; an observation is a comparison or a dozen and two additions. */
export class DurationHistogram {
  readonly #bounds = Float64Array.from(DURATION_BOUNDS);
  /** One more than bounds: the last is for everything longer. */
  readonly #counts = new Float64Array(DURATION_BOUNDS.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** Cumulative counts by bound, as Prometheus wants them, with `+Inf`, sum in seconds and count. */
  read(): { buckets: { bound: number | '+Inf'; count: number }[]; sum: number; count: number } {
    let count = 0;
    const buckets = Array.from(this.#counts, (value, index) => {
      count += value;
      return { bound: DURATION_BOUNDS[index] ?? ('+Inf' as const), count };
    });
    return { buckets, sum: this.#sum, count };
  }
}
