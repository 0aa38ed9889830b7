/**
 * Lets everything be sealed anew while records change: what was written since the beginning is sealed with the current
 * key already, and must not be overwritten with what was read before.
 */
export class Changes {
  #since: Set<string> | undefined;

  /** A record is about to be written or deleted; to be called before the store is asked. */
  note(id: string): void {
    this.#since?.add(id);
  }

  /**
   * Runs `work`, which may ask whether a record has changed since it was begun.
   *
   * @throws Error where it runs already.
   */
  async during(work: (changed: (id: string) => boolean) => Promise<void>): Promise<void> {
    if (this.#since !== undefined) throw new Error('everything is being sealed anew already');
    const since = new Set<string>();
    this.#since = since;
    try {
      await work((id) => since.has(id));
    } finally {
      this.#since = undefined;
    }
  }
}
