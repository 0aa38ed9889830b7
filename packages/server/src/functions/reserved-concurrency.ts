import type { EventEmitter } from 'node:events';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { claimedConcurrency, provisionedTotal } from './provisioned-record.ts';
import type { FunctionsEvents, Registry } from './registry.ts';
import type { Reservations } from './reservations.ts';

/** Reserved concurrency, which is a function's, over all its versions. */
export class ReservedConcurrency {
  readonly #registry: Registry;
  readonly #events: EventEmitter<FunctionsEvents>;
  readonly #reservations: Reservations;

  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>, reservations: Reservations) {
    this.#registry = registry;
    this.#events = events;
    this.#reservations = reservations;
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
    const { reservedConcurrency: _, ...rest } = entry.record;
    const provisioned = provisionedTotal(rest);
    if (count !== undefined && count < provisioned) {
      throw new ApiError(
        'InvalidParameterValueException',
        `ReservedConcurrentExecutions  ${count} should not be lower than function's total provisioned concurrency [${provisioned}].`,
      );
    }
    await this.#registry.exclusively(rest, async () => {
      const { reserved } = this.#registry.index.usage(rest.account, rest.region);
      const changed = count === undefined ? rest : { ...rest, reservedConcurrency: count };
      const more = claimedConcurrency(changed) - claimedConcurrency(entry.record);
      using _claim = this.#reservations.claim(rest, reserved, more, 'ReservedConcurrentExecutions');
      await this.#registry.save(changed);
      this.#events.emit('reserved', entry.spec, count);
    });
  }

  /** What an account's functions without a reservation share, where all reservations add up to `reserved`. */
  unreserved(account: string, reserved: number): number {
    return this.#reservations.unreserved(account, reserved);
  }
}
