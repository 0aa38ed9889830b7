import type { Ahead, KeepAliveOptions, KeepAlivePolicy, Resting, VersionKeepAlive } from '../policy.ts';
import { VersionTable } from '../version-table.ts';
import { BINS, binOf, SHORTEST_MS } from './idle-times.ts';
import { IdleBudget } from './idle-budget.ts';
import { planFor, type Plan } from './plan.ts';
import { classOf, isRepresentative, width } from './ranks.ts';

/** Idle times that one histogram holds; where there are more, all count half, so that what was long ago fades. */
const MAX_SEEN = 1000;
/** What other functions do counts as much as so many idle times of its own. */
const OTHERS = 1;
/** And what the same function does at ranks nearby, each of them. */
const NEARBY = 0.3;
const REACH = 2;
/**
 * An idle time that came says that a somewhat longer one may come: this share of it counts for the bins after it, for each less than for the
 * one before. Else a function whose calls come at random would lose its sandbox at the longest gap seen so far.
 */
const LATER = 0.2;
const FADES = 0.9;
/** A sandbox is made so much before its span begins: it has to load its function, and timers are exact. */
const LEAD_MS = 10_000;
/** A plan is made anew after this, since the price changes: ms. */
const PLAN_MS = 60_000;

/** What is known of the idle times of one class of ranks. */
interface RankClass {
  /** By bin, and those beyond the horizon; undefined before the first. */
  counts: Float32Array | undefined;
  seen: number;
  /** Clock's time since when fewer run at once than this class's representative; -1 where as many do, or never did. */
  idleSince: number;
  /** What all sandboxes of the class use while idle. */
  idleMb: number;
  plan: Plan | undefined;
  plannedAt: number;
}

/**
 * Keeps a sandbox for as long as the chance that it is needed is worth its memory, and makes it again before it is likely to be
 * needed. What that chance is, is learnt for each function version and each number of invocations at once: how long it took until as many
 * ran again. What memory is worth, is one price for all (see {@link IdleBudget}), set so that no more of it is used than with a fixed time.
 */
export class BreakEvenKeepAlive implements KeepAlivePolicy {
  readonly name = 'break-even';
  readonly maxIdleMs: number;
  readonly budget: IdleBudget;
  /** Idle times of all functions, each function and rank with the same weight in all. Before there are any: flat, and half of them beyond the horizon. */
  readonly others = new Float64Array(BINS + 1).fill(0.5 / BINS, 0, BINS).fill(0.5, BINS);
  othersSeen = 1;
  readonly #versions = new VersionTable(() => new DemandHistory(this));

  constructor({ idleMs, maxIdleMs }: KeepAliveOptions) {
    this.maxIdleMs = maxIdleMs;
    this.budget = new IdleBudget(Math.min(idleMs, maxIdleMs));
  }

  of(version: string): VersionKeepAlive {
    return this.#versions.of(version);
  }

  forget(version: string): void {
    this.#versions.forget(version);
  }

  spent({ usedMb }: Resting, idleMs: number): void {
    this.budget.spent(usedMb * idleMs);
  }
}

const weights = new Float64Array(BINS + 1);

class DemandHistory implements VersionKeepAlive {
  readonly #policy: BreakEvenKeepAlive;
  readonly #classes: (RankClass | undefined)[] = [];
  #maxRank = 1;
  #memoryMb = 1;

  constructor(policy: BreakEvenKeepAlive) {
    this.#policy = policy;
  }

  needed(rank: number, now: number): void {
    if (!isRepresentative(rank)) return;
    const rankClass = classOf(rank);
    const known = this.#classes[rankClass];
    if (known === undefined || known.idleSince < 0) return;
    const idleMs = now - known.idleSince;
    known.idleSince = -1;
    const { budget } = this.#policy;
    if (idleMs < budget.idleMs) budget.wants(-(budget.idleMs - idleMs) * known.idleMb);
    if (idleMs >= SHORTEST_MS) this.#observe(known, binOf(idleMs));
  }

  rested(sandbox: Resting, now: number): void {
    const { rank } = sandbox;
    const { budget } = this.#policy;
    // 0 where it has not been measured yet.
    if (sandbox.usedMb > 0) this.#memoryMb = sandbox.usedMb;
    if (rank > this.#maxRank) this.#maxRank = rank;
    const rankClass = classOf(rank);
    const known = (this.#classes[rankClass] ??= unknown());
    if (isRepresentative(rank)) {
      // Where it is so already, the gap between went unsaid.
      if (known.idleSince < 0) {
        known.idleMb = this.#memoryMb * width(rankClass, this.#maxRank);
        budget.wants(budget.idleMs * known.idleMb);
      }
      known.idleSince = sandbox.idleSince;
    }
    budget.rested(this.#memoryMb, now);
    const { spans, chance, why } = this.#plan(rankClass, known, now);
    sandbox.keepMs = spans[0]!.toMs;
    sandbox.keepWhy = why;
    sandbox.keepPriority = chance / this.#memoryMb;
  }

  expired({ rank, idleSince }: Resting, now: number): Ahead | undefined {
    const plan = this.#classes[classOf(rank)]?.plan;
    const elapsed = now - idleSince;
    const next = plan?.spans.find(({ fromMs }) => fromMs > elapsed);
    if (next === undefined) return undefined;
    const fromMs = Math.max(elapsed, next.fromMs - LEAD_MS);
    const keepMs = Math.min(next.toMs - fromMs, this.#policy.maxIdleMs);
    return { afterMs: fromMs - elapsed, keepMs, why: plan!.why };
  }

  evicted(): void {}

  #observe(known: RankClass, bin: number): void {
    const { others } = this.#policy;
    const counts = (known.counts ??= new Float32Array(BINS + 1));
    counts[bin]! += 1;
    known.seen++;
    known.plan = undefined;
    const share = 1 / known.seen;
    others[bin]! += share;
    this.#policy.othersSeen += share;
    if (known.seen < MAX_SEEN) return;
    for (let each = 0; each <= BINS; each++) counts[each]! /= 2;
    known.seen /= 2;
  }

  #plan(rankClass: number, known: RankClass, now: number): Plan {
    if (known.plan !== undefined && now - known.plannedAt < PLAN_MS) return known.plan;
    const { others, othersSeen, budget, maxIdleMs } = this.#policy;
    let later = 0;
    for (let bin = 0; bin <= BINS; bin++) {
      const count = known.counts?.[bin] ?? 0;
      weights[bin] = (OTHERS * others[bin]!) / othersSeen + (1 - LATER) * count + LATER * (1 - FADES) * later;
      later = FADES * later + count;
    }
    for (let reach = 1; reach <= REACH; reach++) {
      addNearby(this.#classes[rankClass - reach]);
      addNearby(this.#classes[rankClass + reach]);
    }
    known.plannedAt = now;
    return (known.plan = planFor({
      weights,
      seen: known.seen,
      memoryMb: this.#memoryMb,
      price: budget.price,
      maxIdleMs,
    }));
  }
}

/** What happens at a rank nearby says something, but one time only half as much as two and more. */
function addNearby(nearby: RankClass | undefined): void {
  if (nearby?.counts === undefined) return;
  const weight = (NEARBY * Math.min(1, nearby.seen / 2)) / nearby.seen;
  for (let bin = 0; bin <= BINS; bin++) weights[bin]! += weight * nearby.counts[bin]!;
}

function unknown(): RankClass {
  return { counts: undefined, seen: 0, idleSince: -1, idleMb: 0, plan: undefined, plannedAt: -Infinity };
}
