/** How an invocation ended, as far as it says something of the function's size. */
export type SizedOutcome = 'ended' | 'timed-out' | 'out-of-memory';

/** What one function version's last invocations used and how they failed. */
export interface Usage {
  readonly executions: number;
  readonly timedOut: number;
  readonly outOfMemory: number;
  /** The most memory that any of its sandboxes has used: MB. */
  readonly peakMb: number;
}

/** Executions of a window. Two are kept, so that what is told is about the last 200 to 400. */
const WINDOW = 200;

/** Counts in two windows, one after the other: old invocations are forgotten, and it costs four numbers for each. */
export class UsageWindow {
  #executions = 0;
  #timedOut = 0;
  #outOfMemory = 0;
  #peakMb = 0;
  #before: Usage = { executions: 0, timedOut: 0, outOfMemory: 0, peakMb: 0 };

  /** @param usedMb 0 where it is not known. */
  ended(outcome: SizedOutcome, usedMb: number): void {
    if (this.#executions === WINDOW) {
      this.#before = this.#present;
      this.#executions = this.#timedOut = this.#outOfMemory = this.#peakMb = 0;
    }
    this.#executions++;
    if (outcome === 'timed-out') this.#timedOut++;
    else if (outcome === 'out-of-memory') this.#outOfMemory++;
    if (usedMb > this.#peakMb) this.#peakMb = usedMb;
  }

  get usage(): Usage {
    const { executions, timedOut, outOfMemory, peakMb } = this.#before;
    return {
      executions: executions + this.#executions,
      timedOut: timedOut + this.#timedOut,
      outOfMemory: outOfMemory + this.#outOfMemory,
      peakMb: Math.max(peakMb, this.#peakMb),
    };
  }

  get #present(): Usage {
    return {
      executions: this.#executions,
      timedOut: this.#timedOut,
      outOfMemory: this.#outOfMemory,
      peakMb: this.#peakMb,
    };
  }
}
