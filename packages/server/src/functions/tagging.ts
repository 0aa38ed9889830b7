import type { Caller } from './caller.ts';
import type { Registry } from './registry.ts';
import { addTags, removeTags } from './tags.ts';
import type { Tags } from './tags.ts';

/** The tags of functions. */
export class Tagging {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
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
      ({ record }) => this.#registry.save({ ...record, tags: change(record.tags) }),
    );
  }
}
