import type { Rates } from './pool-size.ts';
import type { TrendKind } from './trend/trend.ts';
import type { WarmingPool } from './warming-pool.ts';

/** Sub-pool `general`, as `GET /_hearth/fleet` shows it. */
export interface GeneralPoolView {
  /** The declared set, and what there is of each. */
  configurations: {
    name: string;
    runtime: string;
    /** Bytes. */
    memory: number;
    target: number;
    ready: number;
    booting: number;
  }[];
  /** Instances that it keeps at present; targets are fewer where memory or runtimes are missing. */
  level: number;
  /** What it follows. */
  trend: TrendKind;
  /** Instances added for each that is taken, at the present rate. */
  refill: number;
  drawsPerMinute: number;
  requestsPerSecond: number;
}

const MB = 1024 * 1024;

export function viewOf(pool: WarmingPool, rates: Rates): GeneralPoolView {
  return {
    configurations: pool.shelves.map(({ configuration: { name, runtime, memoryMb }, target, warm, booting }) => ({
      name,
      runtime,
      memory: memoryMb * MB,
      target,
      ready: warm.length,
      booting: booting.size,
    })),
    level: pool.size.level,
    trend: pool.size.trend,
    refill: pool.size.refill(rates),
    drawsPerMinute: rates.drawsPerMinute,
    requestsPerSecond: rates.requestsPerSecond,
  };
}
