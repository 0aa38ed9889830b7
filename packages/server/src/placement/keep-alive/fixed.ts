import type { KeepAliveOptions, KeepAlivePolicy, Resting, VersionKeepAlive } from './policy.ts';
import { inWords } from './words.ts';

/** Each sandbox is kept for the same time after its last use; when memory is needed, what was used longest ago goes first (row T14). */
export class FixedKeepAlive implements KeepAlivePolicy, VersionKeepAlive {
  readonly name = 'fixed';
  readonly #keepMs: number;
  readonly #why: string;

  constructor({ idleMs, maxIdleMs }: KeepAliveOptions) {
    this.#keepMs = Math.min(idleMs, maxIdleMs);
    this.#why = `each is kept for ${inWords(this.#keepMs)} after its last use`;
  }

  /** It remembers nothing, so all versions share it. */
  of(): VersionKeepAlive {
    return this;
  }

  forget(): void {}

  spent(): void {}

  evicted(): void {}

  needed(): void {}

  rested(sandbox: Resting, now: number): void {
    sandbox.keepMs = this.#keepMs;
    sandbox.keepWhy = this.#why;
    sandbox.keepPriority = now;
  }

  expired(): undefined {
    return undefined;
  }
}
