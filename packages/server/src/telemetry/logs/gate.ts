/** Lets only so many in at once; the rest wait in line. */
export class Gate {
  #free: number;
  readonly #line = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Resolves with a place, to be disposed of.
   *
   * @throws the signal's reason if it is aborted before there is one.
   */
  async enter(signal: AbortSignal | undefined): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return { [Symbol.dispose]: () => this.#leave() };
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      this.#line.delete(resolve);
      reject(signal!.reason as Error);
    };
    this.#line.add(resolve);
    signal?.addEventListener('abort', abort);
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  #leave(): void {
    const [next] = this.#line;
    if (next === undefined) this.#free++;
    else {
      this.#line.delete(next);
      next();
    }
  }
}
