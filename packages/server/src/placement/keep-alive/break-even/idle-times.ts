/** Bins for idle times: fine where they are short, and so that a period of half an hour still stands out. */

/** The first 32 bins are so long, the 16 after them twice as long, and so on: ms. */
const UNIT_MS = 15_000;
const BINS_PER_DOUBLING = 16;
/** Nothing is foreseen beyond: rarer calls come too seldom to be worth memory, and a day has too few of them to learn from. */
export const HORIZON_MS = 120 * 60_000;
/** Idle times below are no question: everything is kept for longer. */
export const SHORTEST_MS = 1_000;

/** Where each bin begins, and the horizon: ms. */
export const EDGES: readonly number[] = edges();
export const BINS = EDGES.length - 1;
const BIN_OF_UNIT = binsOfUnits();

/** Which bin an idle time falls into; `BINS` for one beyond the horizon. */
export function binOf(idleMs: number): number {
  return idleMs >= HORIZON_MS ? BINS : BIN_OF_UNIT[Math.floor(idleMs / UNIT_MS)]!;
}

function edges(): number[] {
  const result = [0];
  let width = UNIT_MS;
  for (let end = 0; end < HORIZON_MS;) {
    end += width;
    result.push(Math.min(end, HORIZON_MS));
    const bins = result.length - 1;
    if (bins >= 2 * BINS_PER_DOUBLING && bins % BINS_PER_DOUBLING === 0) width *= 2;
  }
  return result;
}

function binsOfUnits(): Uint8Array {
  const table = new Uint8Array(HORIZON_MS / UNIT_MS);
  for (let bin = 0; bin < BINS; bin++) table.fill(bin, EDGES[bin]! / UNIT_MS, EDGES[bin + 1]! / UNIT_MS);
  return table;
}
