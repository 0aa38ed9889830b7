/** What is kept at first of a response that comes in parts; doubled as more comes. */
const FIRST_HOLD = 128 * 1024;

/**
 * A response that comes in parts, in one piece of memory: a hostile sender decides how many parts there are, so nothing
 * is kept for each. One that grows over its limit is counted on, and no longer kept.
 */
export class ResponseBody {
  readonly #limit: number;
  #bytes: Buffer | undefined = Buffer.allocUnsafe(FIRST_HOLD);
  #length = 0;

  /** @param limit bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(part: Buffer): void {
    const end = this.#length + part.length;
    if (end > this.#limit) this.#bytes = undefined;
    else this.#room(end)?.set(part, this.#length);
    this.#length = end;
  }

  /** All of it; undefined where it is over the limit. Nothing may be added afterwards. */
  whole(): Buffer | undefined {
    return this.#bytes?.subarray(0, this.#length);
  }

  #room(end: number): Buffer | undefined {
    const old = this.#bytes;
    if (old === undefined || old.length >= end) return old;
    this.#bytes = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(end, 2 * old.length)));
    old.copy(this.#bytes, 0, 0, this.#length);
    return this.#bytes;
  }
}
