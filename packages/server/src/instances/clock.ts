/**
 * Time, as every policy sees it. Nothing in the rooms below reads the machine's clock or sets a timer by itself, so a
 * test moves a clock instead of sleeping.
 */
export interface Clock {
  /** Milliseconds since an arbitrary moment; never goes back. */
  now(): number;
  /** Milliseconds since the epoch; may jump. */
  wallTime(): number;
  /** Calls back once, `delayMs` milliseconds from now at the earliest. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  /** Harmless after the call and when repeated. */
  cancel(): void;
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = setTimeout(callback, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer: (delayMs, callback) => new SystemTimer(delayMs, callback),
};
