import { inWords } from '../words.ts';
import { BINS, EDGES } from './idle-times.ts';

/** A span after a sandbox's last use during which it is there: ms. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When a sandbox is there after its last use. The first span begins at 0. */
export interface Plan {
  readonly spans: readonly Span[];
  /** Share of the calls that come while the first span lasts. */
  readonly chance: number;
  readonly why: string;
}

export interface Terms {
  /** How often each idle time came, by bin, and last those beyond the horizon; need not be whole. Not empty. */
  readonly weights: Float64Array;
  /** Of how many of them it was seen; the others are taken from what resembles it. */
  readonly seen: number;
  /** What the sandbox uses while idle. */
  readonly memoryMb: number;
  /** What a cold start is worth: MB x ms of idle memory. */
  readonly price: number;
  readonly maxIdleMs: number;
}

/**
 * What it costs to make a sandbox ahead, beside a cold start: the same work, but nobody waits for it. Below a fifth it would be made for the
 * faintest hope.
 */
const AHEAD_COST = 0.3;
/**
 * Of what is known of a version little can be wrong at first: it is kept until its memory has cost this share of a cold start, for 1 / (1 + seen) of it
 * once something has been seen. That is how one decides without any knowledge of the future (the ski rental problem: never more than twice the least cost at share 1).
 */
const TRUST = 0.5;

const survivors = new Float64Array(BINS + 1);
const stays = new Uint8Array(BINS);
const comes = new Uint8Array(BINS);

/**
 * The cheapest plan: idle memory costs what it is, a call that finds no sandbox costs `price`, making one ahead a part of it. Found from
 * the horizon backwards: at the begin of each bin, is it cheaper to have the sandbox or not, given that no call has come until then?
 */
export function planFor(terms: Terms): Plan {
  decide(terms);
  const spans = extended(spansOf(terms.maxIdleMs), firstSpanMs(terms));
  const { toMs } = spans[0]!;
  const chance = chanceUntil(toMs);
  return { spans, chance, why: wordsFor(terms, spans, chance) };
}

function decide({ weights, memoryMb, price }: Terms): void {
  survivors[BINS] = weights[BINS]!;
  for (let bin = BINS - 1; bin >= 0; bin--) survivors[bin] = survivors[bin + 1]! + weights[bin]!;
  // What is still to be paid from the begin of a bin on, with and without a sandbox; times the survivors.
  let withOne = 0;
  let without = 0;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    const idle = (survivors[bin]! + survivors[bin + 1]!) / 2;
    const has = memoryMb * (EDGES[bin + 1]! - EDGES[bin]!) * idle + withOne;
    const hasNot = price * weights[bin]! + without;
    const makes = has + price * AHEAD_COST * survivors[bin]!;
    comes[bin] = Number(makes < hasNot);
    without = Math.min(makes, hasNot);
    stays[bin] = Number(bin === 0 || has < hasNot);
    withOne = Math.min(has, hasNot);
  }
}

/** One that is as old as is allowed goes; another may come, a bin later. */
function spansOf(maxIdleMs: number): Span[] {
  const spans: Span[] = [];
  let fromMs = 0;
  let there = true;
  for (let bin = 0; bin < BINS; bin++) {
    const mayStay = EDGES[bin + 1]! - fromMs <= maxIdleMs || bin === 0;
    const next: boolean = there ? mayStay && stays[bin] === 1 : comes[bin] === 1;
    if (next === there) continue;
    if (there) spans.push({ fromMs, toMs: EDGES[bin]! });
    else fromMs = EDGES[bin]!;
    there = next;
  }
  if (there) spans.push({ fromMs, toMs: EDGES[BINS]! });
  return spans;
}

/** How long a sandbox is kept at least. */
function firstSpanMs({ price, memoryMb, seen, maxIdleMs }: Terms): number {
  return Math.min(maxIdleMs, (TRUST * price) / memoryMb / (1 + seen));
}

/** No longer than until the end of a bin, so that there are few different times. */
function extended(spans: Span[], leastMs: number): Span[] {
  let end = spans[0]!.toMs;
  for (let bin = 0; bin < BINS && EDGES[bin + 1]! <= leastMs; bin++) end = Math.max(end, EDGES[bin + 1]!);
  const rest = spans.slice(1).filter(({ toMs }) => toMs > end);
  if (rest[0] !== undefined && rest[0].fromMs <= end) {
    end = rest[0].toMs;
    rest.shift();
  }
  return [{ fromMs: 0, toMs: end }, ...rest];
}

function chanceUntil(endMs: number): number {
  let bin = 0;
  while (bin < BINS && EDGES[bin]! < endMs) bin++;
  return 1 - survivors[bin]! / survivors[0]!;
}

function wordsFor({ seen }: Terms, [first, second]: readonly Span[], chance: number): string {
  const kept = inWords(first!.toMs);
  const again = second === undefined ? '' : `; another is made ${inWords(second.fromMs)} after the last use`;
  if (seen < 1) return `little is known of its calls: kept for ${kept}, which its memory is worth${again}`;
  return `${Math.round(chance * 100)} % of its calls come within ${kept}, and waiting longer costs more than a cold start${again}`;
}
