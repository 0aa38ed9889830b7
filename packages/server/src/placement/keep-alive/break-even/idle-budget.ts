/** How fast the price follows: an error of a factor e in what is spent changes it by as much in this time. */
const FOLLOW_MS = 2 * 60 * 60_000;
/** Over how long what is spent is averaged. */
const MEMORY_MS = 60 * 60_000;
const STEP_MS = 60_000;
/** At first a cold start is worth so much: times the budget's span of an average sandbox's idle memory. */
const FIRST_PRICE = 2;
const LEAST_PRICE = FIRST_PRICE / 20;
const MOST_PRICE = FIRST_PRICE * 20;
/** Weight of the newest sandbox in the average of their memory. */
const NEWEST = 0.002;

/**
 * Says what a cold start is worth, in MB x ms of idle memory, so that all idle sandboxes together use as much memory as they would if
 * each was kept for a fixed time. If they use more, the price falls: one price for all functions puts the memory where it saves most.
 */
export class IdleBudget {
  readonly idleMs: number;
  #averageMb = 0;
  #factor = FIRST_PRICE;
  #wanted = 0;
  #spent = 0;
  #lookAt = 0;

  /** @param idleMs the fixed time. */
  constructor(idleMs: number) {
    this.idleMs = idleMs;
  }

  get price(): number {
    return this.#factor * this.idleMs * Math.max(1, this.#averageMb);
  }

  /** A sandbox has become idle, and this many with it. */
  rested(memoryMb: number, now: number): void {
    if (this.#averageMb === 0) this.#averageMb = memoryMb;
    else this.#averageMb += (memoryMb - this.#averageMb) * NEWEST;
    if (now >= this.#lookAt) this.#look(now);
  }

  /** With the fixed time these would have used so much idle memory: MB x ms; less than nothing takes some of it back. */
  wants(amount: number): void {
    this.#wanted += amount;
  }

  spent(amount: number): void {
    this.#spent += amount;
  }

  #look(now: number): void {
    if (this.#lookAt > 0 && this.#wanted > 0 && this.#spent > 0) {
      const step = Math.min(now - this.#lookAt + STEP_MS, MEMORY_MS);
      const error = Math.log(this.#wanted / this.#spent);
      this.#factor *= Math.exp((Math.max(-1, Math.min(1, error)) * step) / FOLLOW_MS);
      this.#factor = Math.min(MOST_PRICE, Math.max(LEAST_PRICE, this.#factor));
      const kept = Math.exp(-step / MEMORY_MS);
      this.#wanted *= kept;
      this.#spent *= kept;
    }
    this.#lookAt = now + STEP_MS;
  }
}
