import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionId, MetadataStore } from '../../functions/ports.ts';
import { Changes } from './changes.ts';
import { isSealed } from './key-ring.ts';
import type { KeyRing } from './key-ring.ts';

/** The only variable of a sealed environment; no function can have one of this name. */
const SEALED = '=sealed';

/**
 * Functions in any store, with their environment variables sealed: as on AWS, they are encrypted at rest.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
 */
export class SealedMetadataStore implements MetadataStore {
  readonly #inner: MetadataStore;
  readonly #ring: KeyRing;
  readonly #changes = new Changes();

  constructor(inner: MetadataStore, ring: KeyRing) {
    this.#inner = inner;
    this.#ring = ring;
  }

  /** @throws MasterKeyError where one was sealed with another master key. */
  async all(): Promise<FunctionRecord[]> {
    return (await this.#inner.all()).map((record) => this.#open(record));
  }

  put(record: FunctionRecord): Promise<void> {
    this.#changes.note(idOf(record));
    return this.#inner.put(this.#seal(record));
  }

  delete(id: FunctionId): Promise<void> {
    this.#changes.note(idOf(id));
    return this.#inner.delete(id);
  }

  /** Seals with the current master key what isn't yet. */
  async reseal(): Promise<void> {
    await this.#changes.during(async (changed) => {
      for (const record of await this.#inner.all()) {
        const { environment } = record.settings;
        const sealed = environment[SEALED];
        const stale = sealed === undefined ? hasAny(environment) : !this.#ring.isCurrent(sealed);
        if (stale && !changed(idOf(record))) await this.#inner.put(this.#seal(this.#open(record)));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #seal(record: FunctionRecord): FunctionRecord {
    const { environment } = record.settings;
    if (!hasAny(environment)) return record;
    const sealed = this.#ring.seal(JSON.stringify(environment), contextOf(record));
    return { ...record, settings: { ...record.settings, environment: { [SEALED]: sealed } } };
  }

  #open(record: FunctionRecord): FunctionRecord {
    const sealed = record.settings.environment[SEALED];
    // Records of before anything was sealed are as they are, until they are written again.
    if (sealed === undefined || !isSealed(sealed)) return record;
    const environment = JSON.parse(this.#ring.open(sealed, contextOf(record))) as Record<string, string>;
    return { ...record, settings: { ...record.settings, environment } };
  }
}

function hasAny(environment: Readonly<Record<string, string>>): boolean {
  return Object.keys(environment).length > 0;
}

function idOf({ account, region, name }: FunctionId): string {
  return `${account}/${region}/${name}`;
}

function contextOf(id: FunctionId): string {
  return `the environment of function ${idOf(id)}`;
}
