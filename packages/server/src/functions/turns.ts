/** Has one change of a thing at a time. */
export class Turns {
  /** By the thing's ARN: resolves when the change under way is done or has failed. */
  readonly #changing = new Map<string, Promise<void>>();

  /** Runs a change. @throws what `conflict` makes, where another change is under way. */
  async exclusively<T>(arn: string, change: () => Promise<T>, conflict: (arn: string) => Error): Promise<T> {
    if (this.#changing.has(arn)) throw conflict(arn);
    return this.#run(arn, change);
  }

  /** Runs a change once no other does. */
  async inTurn<T>(arn: string, change: () => Promise<T>): Promise<T> {
    for (let other = this.#changing.get(arn); other !== undefined; other = this.#changing.get(arn)) await other;
    return this.#run(arn, change);
  }

  async #run<T>(arn: string, change: () => Promise<T>): Promise<T> {
    const done = Promise.withResolvers<void>();
    this.#changing.set(arn, done.promise);
    try {
      return await change();
    } finally {
      this.#changing.delete(arn);
      done.resolve();
    }
  }
}
