/** How many spares of one zygote are kept: more after a burst, fewer while nobody takes any. Each costs about a megabyte. */

/** After a burst up to so many times as many as usual: what comes in bursts comes again. */
const MOST = 4;
/** Where none is taken for long, this part of them is left: a function that comes at last still finds one. */
const LEAST = 1 / 4;
/** The number takes a step down when it has been more than enough for this long: ms. */
export const CALM_MS = 5 * 60_000;

export class SpareTarget {
  readonly #usual: number;
  #count: number;
  #taken = false;
  #missed = false;

  /** @param usual as configured; 0 keeps none, whatever happens. */
  constructor(usual: number) {
    this.#usual = usual;
    this.#count = usual;
  }

  get count(): number {
    return this.#count;
  }

  /** One was taken. */
  took(): void {
    this.#taken = true;
    // An instance that has been forgotten is in use again.
    this.#count = Math.max(this.#count, this.#usual);
  }

  /** One was wanted, and none was ready: with one more it would have been. */
  missed(): void {
    this.#missed = true;
    this.#count = Math.min(MOST * this.#usual, Math.max(this.#count, this.#usual) + 1);
  }

  /** To be called every {@link CALM_MS}: halfway down, to the usual number while some are taken, else to the least. */
  calm(): void {
    const floor = this.#taken || this.#missed ? this.#usual : Math.ceil(LEAST * this.#usual);
    if (!this.#missed && this.#count > floor) this.#count = Math.floor((this.#count + floor) / 2);
    this.#taken = this.#missed = false;
  }
}
