import type { Packages } from '@hearth/protocol';
import type { CodeCache } from './cache.ts';
import { type FunctionFiles, holdFiles } from './function-files.ts';

/** Characters of an error that are told; names from an archive may stand in it. */
const MAX_REASON = 1_000;

/** Code and layers that are kept in the cache before any sandbox needs them (row D2). */
export class Preloads {
  readonly #cache: CodeCache;
  #held: FunctionFiles[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(cache: CodeCache) {
    this.#cache = cache;
  }

  /**
   * Has these packages, and lets go of those kept before. One after the other, also with what was asked for earlier.
   *
   * @returns why some of them can't be had, if that is so; the others are there.
   */
  replace(packages: readonly Packages[]): Promise<string | undefined> {
    const replacing = this.#last.then(() => this.#replace(packages));
    this.#last = replacing;
    return replacing;
  }

  async #replace(packages: readonly Packages[]): Promise<string | undefined> {
    const before = this.#held;
    const failures: string[] = [];
    this.#held = [];
    for (const wanted of packages) {
      try {
        this.#held.push(await holdFiles(this.#cache, wanted));
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    for (const files of before) files[Symbol.dispose]();
    return failures.length === 0 ? undefined : failures.join('; ').slice(0, MAX_REASON);
  }
}
