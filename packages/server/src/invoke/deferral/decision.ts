import type { DemandForecast } from '../../capacity/trend/demand-forecast.ts';

/** Moments at which the forecast is asked, spread over the time there is. */
const LOOKS = 64;
/** A fleet that executes less than this at once is as good as idle: to wait saves nothing. */
const IDLE = 1;
/** A time is cheaper if there is less demand by this share at least: forecasts are not more exact than that. */
const BENEFIT = 0.2;

export type Decision =
  | { readonly kind: 'now'; readonly why: string }
  /** `at` is ms since the epoch. */
  | { readonly kind: 'later'; readonly at: number; readonly why: string };

/**
 * Whether to begin now, or at a time with less demand for the machine: the earliest of the cheapest.
 *
 * @param now ms since the epoch. @param latest the last moment at which it may begin.
 */
export function decide(forecast: DemandForecast, now: number, latest: number): Decision {
  if (latest <= now) return { kind: 'now', why: 'there is no time to wait' };
  const present = forecast.now();
  if (present < IDLE) return { kind: 'now', why: `demand is low: ${shown(present)}` };
  let at = now;
  let least = Infinity;
  for (let look = 1; look <= LOOKS; look++) {
    const moment = now + ((latest - now) * look) / LOOKS;
    const expected = forecast.expected(moment);
    if (expected >= least) continue;
    least = expected;
    at = moment;
  }
  if (least > present * (1 - BENEFIT)) {
    return {
      kind: 'now',
      why: `to wait would save nothing: demand is ${shown(present)}, at best ${shown(least)} later`,
    };
  }
  const then = new Date(at).toISOString();
  return { kind: 'later', at, why: `demand is ${shown(present)}; ${shown(least)} are expected at ${then}` };
}

function shown(executions: number): string {
  return `${executions.toFixed(1)} executions at once`;
}
