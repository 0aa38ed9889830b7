import type { Called } from './callers.ts';

/** Waits, from one moment on, for every function to answer a request that began after it. */
export class Recovery {
  readonly since = performance.now();
  readonly #missing: Set<Called>;
  readonly #done = Promise.withResolvers<number>();

  constructor(functions: readonly Called[]) {
    this.#missing = new Set(functions);
  }

  /** Milliseconds from the beginning to the last function's answer. */
  get milliseconds(): Promise<number> {
    return this.#done.promise;
  }

  /** Functions that have not answered yet. */
  get missing(): readonly Called[] {
    return [...this.#missing];
  }

  /** @returns whether all have answered by now. */
  answered(called: Called, startedAt: number): boolean {
    if (startedAt >= this.since) this.#missing.delete(called);
    if (this.#missing.size > 0) return false;
    this.#done.resolve(performance.now() - this.since);
    return true;
  }
}
