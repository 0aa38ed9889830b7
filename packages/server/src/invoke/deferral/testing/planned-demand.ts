import type { DemandForecast } from '../../../capacity/trend/demand-forecast.ts';
import type { Clock } from '../../../instances/clock.ts';

/** A forecast that is told what to expect, and a fleet whose demand is that, unless it is told otherwise. */
export class PlannedDemand implements DemandForecast {
  readonly #clock: Clock;
  /** Executions at once at so many ms after the start. */
  plan: (ms: number) => number;
  /** What there really is, where that is not as planned. */
  actual: ((ms: number) => number) | undefined;
  readonly #start: number;

  constructor(clock: Clock, plan: (ms: number) => number) {
    this.#clock = clock;
    this.plan = plan;
    this.#start = clock.wallTime();
  }

  expected(atMs: number): number {
    return this.plan(Math.max(atMs, this.#clock.wallTime()) - this.#start);
  }

  now(): number {
    return (this.actual ?? this.plan)(this.#clock.wallTime() - this.#start);
  }
}
