import type { PerformanceMarkOptions, PerformanceMeasureOptions } from 'node:perf_hooks';

/** A clock that can be made to count from now. */
export interface RestartableClock {
  restart(): void;
}

/**
 * Lets `performance` and `process.uptime()` count from a later moment than the start of the process: a fork restarts
 * them. Replaced once, in the zygote, because a change of a prototype costs each fork 2 ms. Entries that Node itself
 * makes (garbage collection, HTTP) keep the older origin; `process.hrtime` has none.
 */
export function installClock(performance: Performance, process: { uptime(): number }): RestartableClock {
  // The prototype holds the methods; an own property there would be visible in `Object.keys(performance)`.
  const prototype = Object.getPrototypeOf(performance) as Performance;
  const { now, mark, measure, toJSON } = prototype;
  const origin = performance.timeOrigin;
  let age = 0;

  const sinceFork = (): number => now.call(performance) - age;
  Object.defineProperty(prototype, 'timeOrigin', {
    configurable: true,
    enumerable: true,
    get: () => origin + age,
  });
  const replaced = {
    now: sinceFork,
    mark: (name: string, options?: PerformanceMarkOptions) =>
      mark.call(performance, name, { ...options, startTime: options?.startTime ?? sinceFork() }),
    measure: (name: string, start?: string | PerformanceMeasureOptions, end?: string) =>
      measure.call(performance, name, measureOptions(start, end, sinceFork)),
    toJSON: () => ({ ...(toJSON.call(performance) as object), timeOrigin: origin + age }),
  };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(prototype, name, { configurable: true, enumerable: true, writable: true, value });
  }
  process.uptime = () => sinceFork() / 1000;
  return {
    restart() {
      age = now.call(performance);
    },
  };
}

/** The arguments of `performance.measure` with the end that it would take from Node's own clock filled in. */
function measureOptions(
  start: string | PerformanceMeasureOptions | undefined,
  end: string | undefined,
  now: () => number,
): PerformanceMeasureOptions {
  const options: PerformanceMeasureOptions =
    typeof start === 'object' ? { ...start } : start === undefined ? {} : { start };
  if (end !== undefined) options.end = end;
  const endIsGiven = options.end !== undefined || (options.start !== undefined && options.duration !== undefined);
  if (!endIsGiven) options.end = now();
  return options;
}
