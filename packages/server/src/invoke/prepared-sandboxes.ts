import type { FunctionSpec } from '@hearth/protocol';
import type { PreparedVersion } from '../capacity/bought/ports.ts';

/** Has as many sandboxes kept initialised as what is bought asks for, of versions that may be others each time. */
export class PreparedSandboxes {
  readonly #keep: (spec: FunctionSpec, count: number) => void;
  #kept: ReadonlyMap<string, PreparedVersion> = new Map();

  /** @param keep has so many of a version kept from then on. */
  constructor(keep: (spec: FunctionSpec, count: number) => void) {
    this.#keep = keep;
  }

  /** @param wanted by the versions' keys. */
  follow(wanted: ReadonlyMap<string, PreparedVersion>): void {
    const before = this.#kept;
    this.#kept = wanted;
    for (const [key, { spec }] of before) if (!wanted.has(key)) this.#keep(spec, 0);
    for (const [key, { spec, count }] of wanted) if (before.get(key)?.count !== count) this.#keep(spec, count);
  }
}
