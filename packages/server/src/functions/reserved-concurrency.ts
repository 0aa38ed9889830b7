import type { EventEmitter } from 'node:events';
import type { FunctionSpec } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import type { FunctionsEvents, Registry } from './registry.ts';
import { Reservations } from './reservations.ts';

/** Reserved concurrency, which is a function's, over all its versions. */
export class ReservedConcurrency {
  readonly #registry: Registry;
  readonly #events: EventEmitter<FunctionsEvents>;
  readonly #reservations: Reservations;

  /** @param limitOf executions of an account in a region at once; may change. */
  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>, limitOf: (account: string) => number) {
    this.#registry = registry;
    this.#events = events;
    this.#reservations = new Reservations(limitOf);
  }

  /** All functions that have it. */
  *all(): Iterable<{ spec: FunctionSpec; count: number }> {
    for (const { record, spec } of this.#registry.index.all()) {
      if (record.reservedConcurrency !== undefined) yield { spec, count: record.reservedConcurrency };
    }
  }

  /** A function's; undefined where it has none. */
  get(caller: Caller, name: string, action: string): number | undefined {
    return this.#registry.findFunction(caller, name, action).record.reservedConcurrency;
  }

  /** Sets a function's, or with undefined gives it up. */
  async set(caller: Caller, name: string, count: number | undefined, action: string): Promise<void> {
    const entry = this.#registry.findFunction(caller, name, action);
    const { reservedConcurrency: before = 0, ...rest } = entry.record;
    await this.#registry.exclusively(rest, async () => {
      const { reserved } = this.#registry.index.usage(rest.account, rest.region);
      using _claim = this.#reservations.claim(rest, reserved, (count ?? 0) - before);
      await this.#registry.save(count === undefined ? rest : { ...rest, reservedConcurrency: count });
      this.#events.emit('reserved', entry.spec, count);
    });
  }

  /** What an account's functions without a reservation share, where all reservations add up to `reserved`. */
  unreserved(account: string, reserved: number): number {
    return this.#reservations.unreserved(account, reserved);
  }
}
