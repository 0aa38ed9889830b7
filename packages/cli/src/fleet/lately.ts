import type { PoolLine } from './fleet.ts';

/** Looks that are shown. */
const LOOKS = 20;

/** How many instances of each line were ready at the last looks: a pool that empties and fills again can be seen at it. */
export class Lately {
  readonly #looks = new Map<string, string>();

  /** Takes note of a look. */
  add(lines: readonly PoolLine[]): void {
    for (const line of lines) {
      if (line.ready === undefined) continue;
      const key = keyOf(line);
      this.#looks.set(key, `${this.#looks.get(key) ?? ''}${digit(line.ready)}`.slice(-LOOKS));
    }
  }

  /** A digit for each look, the last one last; `+` is more than nine. */
  of(line: PoolLine): string {
    return this.#looks.get(keyOf(line)) ?? '';
  }
}

function keyOf({ pool, subPool, configuration }: PoolLine): string {
  return `${pool}/${subPool}/${configuration}`;
}

function digit(count: number): string {
  return count > 9 ? '+' : String(count);
}
