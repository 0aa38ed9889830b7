import type { FunctionSpec } from '@hearth/protocol';
import { FunctionPool } from './function-pool.ts';
import type { LineOptions } from './line.ts';

/** The function versions that have a sandbox, or of which somebody waits for one. */
export class FunctionPools implements Disposable {
  readonly #pools = new Map<string, FunctionPool>();
  readonly #lineOptions: LineOptions;

  constructor(lineOptions: LineOptions) {
    this.#lineOptions = lineOptions;
  }

  get({ key }: FunctionSpec): FunctionPool | undefined {
    return this.#pools.get(key);
  }

  /** Made where there is none. */
  of(spec: FunctionSpec): FunctionPool {
    let pool = this.#pools.get(spec.key);
    if (pool === undefined) {
      pool = new FunctionPool(spec, this.#lineOptions);
      this.#pools.set(spec.key, pool);
    }
    return pool;
  }

  forgetIfEmpty(pool: FunctionPool): void {
    if (pool.empty && this.#pools.get(pool.spec.key) === pool) this.#pools.delete(pool.spec.key);
  }

  /** Nobody stands in any line afterwards. */
  [Symbol.dispose](): void {
    for (const { line } of this.#pools.values()) line[Symbol.dispose]();
  }
}
