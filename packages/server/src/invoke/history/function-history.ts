import type { FunctionSpec } from '@hearth/protocol';
import { UsageWindow } from './usage-window.ts';
import type { SizedOutcome, Usage } from './usage-window.ts';

/** Invocations over which what is kept is averaged. */
const MEMORY = 50;
/** Deviations by which an invocation may be longer than the mean and still be expected. */
const DEVIATIONS = 3;

/** What is known of one function version from the invocations that have ended: a few numbers, whatever their count. */
export class FunctionHistory {
  readonly spec: FunctionSpec;
  readonly #window = new UsageWindow();
  #count = 0;
  #meanMs = 0;
  #deviationMs = 0;

  constructor(spec: FunctionSpec) {
    this.spec = spec;
  }

  get usage(): Usage {
    return this.#window.usage;
  }

  /** @param ms from the arrival of an invocation to its answer. @param usedMb the most that its sandbox has used; 0 where that is not known. */
  ended(ms: number, outcome: SizedOutcome, usedMb: number): void {
    this.#window.ended(outcome, usedMb);
    this.#count = Math.min(MEMORY, this.#count + 1);
    const weight = 1 / this.#count;
    const off = Math.abs(ms - this.#meanMs);
    this.#meanMs += (ms - this.#meanMs) * weight;
    // The first says nothing of how much they differ.
    if (this.#count > 1) this.#deviationMs += (off - this.#deviationMs) * weight;
  }

  /** How long nearly all of them take at most, from arrival to answer: ms; undefined before the first. */
  get expectedMs(): number | undefined {
    return this.#count === 0 ? undefined : this.#meanMs + DEVIATIONS * this.#deviationMs;
  }
}
