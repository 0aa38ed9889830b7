import type { Clock, Timer } from '../clock.ts';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 1_000;
  /** What the machine's time has jumped, as when it slept or was set: ms. */
  jumped = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { due: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return Date.UTC(2026, 10, 21) + this.#now + this.jumped;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const id = ++this.#sequence;
    this.#timers.set(id, { due: this.#now + Math.max(0, delayMs), callback });
    return { cancel: () => void this.#timers.delete(id) };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves time on as a pause of the whole process does: what fell due meanwhile runs late, when it is over. */
  pause(milliseconds: number): void {
    this.#now += milliseconds;
    this.advance(0);
  }

  /** Moves time on, running each timer at its own moment, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      let next: [number, { due: number; callback: () => void }] | undefined;
      for (const entry of this.#timers) {
        if (entry[1].due <= end && (next === undefined || entry[1].due < next[1].due)) next = entry;
      }
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].due);
      next[1].callback();
    }
    this.#now = end;
  }
}
