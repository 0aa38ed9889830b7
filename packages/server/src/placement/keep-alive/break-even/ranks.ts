/**
 * Ranks (how many invocations run at once) come in classes: one rank stands for those up to the next, a third higher. A version that
 * is called a thousand times at once needs 27 histograms and not a thousand, and one that is called once at a time needs one.
 */
const STEP = 1.3;
const MAX_RANK = 1024;

/** The rank that stands for each class. */
export const REPRESENTATIVES: readonly number[] = representatives();
export const CLASSES = REPRESENTATIVES.length;
const CLASS_OF = classes();

/** Ranks beyond the last belong to the last class. */
export function classOf(rank: number): number {
  return CLASS_OF[Math.min(rank, MAX_RANK)]!;
}

export function isRepresentative(rank: number): boolean {
  return REPRESENTATIVES[classOf(rank)] === rank;
}

/** How many ranks this class stands for, of those up to `maxRank`. */
export function width(rankClass: number, maxRank: number): number {
  const next = REPRESENTATIVES[rankClass + 1] ?? Infinity;
  return Math.max(1, Math.min(next, maxRank + 1) - REPRESENTATIVES[rankClass]!);
}

function representatives(): number[] {
  const result: number[] = [];
  for (let rank = 1; rank <= MAX_RANK; rank = Math.max(rank + 1, Math.floor(rank * STEP))) result.push(rank);
  return result;
}

function classes(): Uint8Array {
  const table = new Uint8Array(MAX_RANK + 1);
  REPRESENTATIVES.forEach((rank, index) => table.fill(index, rank));
  return table;
}
