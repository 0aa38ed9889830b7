/** One that takes part, with what was asked of it. */
export interface Share {
  /** Weight; not negative. */
  readonly demand: number;
  /** Fewer than the others if this many are too many; Infinity where there is no limit. */
  readonly most: number;
}

/**
 * Divides a number of instances among configurations as the traffic is divided (row A10), by Adams's method: whoever
 * has the most demand for each instance it has gets the next, and every one its first before any its second, so that
 * what is declared is there while there are enough. Among equals the first comes first.
 */
export function apportion(total: number, shares: readonly Share[]): number[] {
  // By far the commonest, and some pools are large.
  if (shares.length === 1) return [Math.min(total, shares[0]!.most)];
  const counts = shares.map(() => 0);
  for (let left = total; left > 0; left--) {
    let best = -1;
    for (const [index, { demand, most }] of shares.entries()) {
      if (counts[index]! >= most) continue;
      if (best < 0 || goesBefore(demand, counts[index]!, shares[best]!.demand, counts[best]!)) best = index;
    }
    if (best < 0) break;
    counts[best]!++;
  }
  return counts;
}

function goesBefore(demand: number, count: number, otherDemand: number, otherCount: number): boolean {
  if (count === 0 || otherCount === 0) return count === otherCount ? demand > otherDemand : count === 0;
  // With no demand at all they share evenly.
  if (demand === 0 && otherDemand === 0) return count < otherCount;
  return demand / count > otherDemand / otherCount;
}
