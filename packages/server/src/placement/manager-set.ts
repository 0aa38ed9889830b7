/** Which managers serve a key: an account, or a function with reserved concurrency. */
export class ManagerSet {
  readonly account: string;
  /** All managers, the key's own first (ring.ts). */
  readonly #order: readonly number[];
  #members: readonly number[];

  constructor(account: string, order: readonly number[]) {
    this.account = account;
    this.#order = order;
    this.#members = order.slice(0, 1);
  }

  /** Those that it uses at present, its own first: that one shall be full before another is asked. */
  get members(): readonly number[] {
    return this.#members;
  }

  get size(): number {
    return this.#members.length;
  }

  /**
   * They have had enough: one more may be used, up to `most`.
   *
   * @returns false where there are as many already.
   */
  widen(most: number): boolean {
    if (this.size >= Math.min(most, this.#order.length)) return false;
    this.#members = this.#order.slice(0, this.size + 1);
    return true;
  }

  /** One less is needed. */
  narrow(): void {
    if (this.size > 1) this.#members = this.#order.slice(0, this.size - 1);
  }
}
