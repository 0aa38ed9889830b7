import type { EventEmitter } from 'node:events';
import type { Caller } from './caller.ts';
import type { FunctionsEvents, Registry } from './registry.ts';
import { addTags, removeTags } from './tags.ts';
import type { Tags } from './tags.ts';

/** The tags of functions. */
export class Tagging {
  readonly #registry: Registry;

  readonly #events: EventEmitter<FunctionsEvents>;

  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>) {
    this.#registry = registry;
    this.#events = events;
  }

  list(caller: Caller, arn: string): Tags {
    return this.#registry.findFunction(caller, arn, 'ListTags').record.tags;
  }

  async add(caller: Caller, arn: string, tags: Tags): Promise<void> {
    await this.#change(caller, arn, 'TagResource', (old) => addTags(old, tags));
  }

  async remove(caller: Caller, arn: string, keys: readonly string[]): Promise<void> {
    await this.#change(caller, arn, 'UntagResource', (old) => removeTags(old, keys));
  }

  async #change(caller: Caller, arn: string, action: string, change: (old: Tags) => Tags): Promise<void> {
    await this.#registry.inTurn(
      () => this.#registry.findFunction(caller, arn, action),
      async ({ record, spec }) => {
        await this.#registry.save({ ...record, tags: change(record.tags) });
        this.#events.emit('tagged', spec);
      },
    );
  }
}
