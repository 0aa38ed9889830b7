import { Heap } from './heap.ts';
import type { Workload } from './trace.ts';

/** For an amount of idle memory, the least number of cold starts that any policy can have which makes nothing ahead. */
export interface Oracle {
  /** @param idle MB x ms. */
  readonly coldAt: (idle: number) => number;
}

/**
 * Knows the future. When an invocation ends and one less runs than before, the sandbox that it leaves is needed again exactly when as many
 * run as before; each such gap can be kept for its whole length, which saves one cold start, or not. So with a given amount of idle memory the
 * cheapest gaps are kept. No policy does better without making sandboxes ahead: at any moment it has at least as many as run, and each
 * time it has one more it has either kept it through the gap or started it cold.
 */
export function oracle({ functions, functionOf, arrival, run, durationMs }: Workload, fromMs: number): Oracle {
  const costs: number[] = [];
  let invocations = 0;
  const ends = functions.map(() => new Heap());
  // By function and number of invocations at once: since when no as many run.
  const gaps = functions.map((): number[] => []);
  for (let index = 0; index < arrival.length; index++) {
    const now = arrival[index]!;
    const which = functionOf[index]!;
    const running = ends[which]!;
    const since = gaps[which]!;
    while (running.first <= now) {
      since[running.size] = running.first;
      running.pop();
    }
    running.push(now + run[index]!, 0);
    if (now < fromMs || now >= durationMs) continue;
    invocations++;
    const begun = since[running.size];
    if (begun !== undefined) costs.push((now - Math.max(begun, fromMs)) * functions[which]!.memoryMb);
  }
  const sums = Float64Array.from(costs).sort();
  for (let index = 1; index < sums.length; index++) sums[index]! += sums[index - 1]!;
  return { coldAt: (idle) => invocations - sums.filter((sum) => sum <= idle).length };
}
