/** Keeps sandboxes of one runtime ready ahead of demand. */
import { CALM_MS, SpareTarget } from './spare-target.ts';

/** A spare is replaced a moment after it is taken, so that its first invocation has the processor to itself. */
const REFILL_DELAY_MS = 5;
const MOST_WAITS = 100;

export interface SparesOptions<T> {
  /** How many are kept, unless there was a burst or nobody takes any. */
  usual: number;
  make: () => Promise<T>;
  /** Whether one can still be used. */
  usable: (spare: T) => boolean;
  /** Ends one that is of no use any more. */
  end: (spare: T) => void;
  /** Whether there is nothing left to make more of than usual. */
  scarce: () => boolean;
  /** Whether somebody waits for what a spare has taken. */
  awaited: () => boolean;
  /** Whether the server waits for something that should come first. */
  busy: () => boolean;
  warn: (message: string) => void;
}

export class Spares<T> {
  readonly #options: SparesOptions<T>;
  readonly #target: SpareTarget;
  readonly #ready: T[] = [];
  #coming = 0;
  #refillTimer: NodeJS.Timeout | undefined;

  constructor(options: SparesOptions<T>) {
    this.#options = options;
    this.#target = new SpareTarget(options.usual);
    setInterval(() => this.#calm(), CALM_MS).unref();
  }

  /** The one made last, which is replaced later; undefined where none is ready. */
  take(): T | undefined {
    const spare = this.#ready.pop();
    if (spare === undefined) this.#target.missed();
    else this.#target.took();
    this.#refillLater();
    return spare;
  }

  /** Ends one, since its slot is needed. @returns false where none is ready. */
  giveUp(): boolean {
    const spare = this.#ready.pop();
    if (spare !== undefined) this.#options.end(spare);
    return spare !== undefined;
  }

  /** A sandbox has ended: if it was one of these, another takes its place. */
  ended(spare: T): void {
    const index = this.#ready.indexOf(spare);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#refillLater();
  }

  /** Makes all that are missing. */
  async fill(): Promise<void> {
    const count = this.#options.scarce() ? Math.min(this.#target.count, this.#options.usual) : this.#target.count;
    const missing = count - this.#ready.length - this.#coming;
    const coming = Array.from({ length: Math.max(0, missing) }, async () => {
      this.#coming++;
      try {
        const spare = await this.#options.make();
        // Spares may have been first in line for the last slots: who waits behind them comes before them.
        if (this.#options.awaited()) this.#options.end(spare);
        else if (this.#options.usable(spare)) this.#ready.push(spare);
      } finally {
        this.#coming--;
      }
    });
    await Promise.all(coming);
  }

  /** Those that are too many, the oldest first. */
  #calm(): void {
    this.#target.calm();
    for (const spare of this.#ready.splice(0, this.#ready.length - this.#target.count)) this.#options.end(spare);
  }

  /** After what the server waits for, but not later than if that never came to an end. */
  #refillLater(waits = 0): void {
    if (this.#refillTimer !== undefined) return;
    this.#refillTimer = setTimeout(() => {
      this.#refillTimer = undefined;
      if (this.#options.busy() && waits < MOST_WAITS) return this.#refillLater(waits + 1);
      this.fill().catch((error: unknown) => this.#options.warn(`no spare could be made: ${String(error)}`));
    }, REFILL_DELAY_MS).unref();
  }
}
