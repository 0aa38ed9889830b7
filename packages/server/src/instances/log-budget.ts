import type { Clock } from './clock.ts';

type Level = 'info' | 'warn' | 'error';

/** Lines that an agent may have written to the server's log at once: what a bad start has to tell. */
const AT_ONCE = 50;
/** And one more after so many milliseconds: whoever reads the log of a machine reads no faster. */
const EACH_MS = 1_000;
/** Characters of a line that are kept. */
const MAX_LINE = 2_000;

/** What an agent writes to the server's own log, within bounds: an agent is not trusted, and disks are not endless. */
export class LogBudget {
  readonly #clock: Clock;
  readonly #write: (level: Level, message: string) => void;
  #left = AT_ONCE;
  #countedAt: number;
  #dropped = 0;

  constructor(clock: Clock, write: (level: Level, message: string) => void) {
    this.#clock = clock;
    this.#write = write;
    this.#countedAt = clock.now();
  }

  /** Writes the line, or drops it; the next that is written says how many were dropped. */
  write(level: Level, message: string): void {
    const earned = Math.floor((this.#clock.now() - this.#countedAt) / EACH_MS);
    this.#left = Math.min(AT_ONCE, this.#left + earned);
    this.#countedAt += earned * EACH_MS;
    if (this.#left === 0) {
      this.#dropped++;
      return;
    }
    this.#left--;
    const dropped = this.#dropped === 0 ? '' : ` (${this.#dropped} lines before this one were dropped)`;
    this.#dropped = 0;
    this.#write(level, message.slice(0, MAX_LINE) + dropped);
  }
}
