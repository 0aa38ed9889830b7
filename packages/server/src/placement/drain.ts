import type { Clock, Timer } from '../instances/clock.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Sandbox } from './sandbox.ts';

/** To end a sandbox takes its agent milliseconds: at this pace that stays a small part of a processor. */
const EVERY_MS = 10;

/**
 * Ends the idle sandboxes of versions that are no more (row V11), and others that nobody wants, one after the other: many at once would take the processors from what runs,
 * just when traffic has moved to new sandboxes. Until their turn comes they are frozen, and count with what they use.
 */
export class Drain implements Disposable {
  readonly #clock: Clock;
  readonly #end: (sandbox: Sandbox) => void;
  readonly #pools = new Set<FunctionPool>();
  readonly #sandboxes = new Set<Sandbox>();
  #timer: Timer | undefined;

  constructor(clock: Clock, end: (sandbox: Sandbox) => void) {
    this.#clock = clock;
    this.#end = end;
  }

  add(pool: FunctionPool): void {
    this.#pools.add(pool);
    if (this.#timer === undefined) this.#step();
  }

  /** This one alone; not if it executes when its turn comes. */
  addSandbox(sandbox: Sandbox): void {
    this.#sandboxes.add(sandbox);
    if (this.#timer === undefined) this.#step();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#pools.clear();
    this.#sandboxes.clear();
  }

  readonly #step = (): void => {
    this.#timer = undefined;
    const sandbox = this.#next();
    if (sandbox === undefined) return;
    this.#end(sandbox);
    this.#timer = this.#clock.setTimer(EVERY_MS, this.#step);
  };

  #next(): Sandbox | undefined {
    for (const sandbox of this.#sandboxes) {
      this.#sandboxes.delete(sandbox);
      if (sandbox.state === 'idle') return sandbox;
    }
    for (const pool of this.#pools) {
      if (pool.top !== undefined) return pool.top;
      this.#pools.delete(pool);
    }
    return undefined;
  }
}
