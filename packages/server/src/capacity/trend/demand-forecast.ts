/** What is expected of the fleet, from its own history. For whoever can choose when to do something. */
export interface DemandForecast {
  /**
   * Executions under way at once that are expected at a moment, on average.
   *
   * @param atMs ms since the epoch; a moment that has passed counts as now.
   */
  expected(atMs: number): number;
  /** Executions under way at present, on average over the last half minute. */
  now(): number;
}
