import type { FunctionId, FunctionRecord, FunctionSettings, VersionRecord } from '../../functions/function-record.ts';
import type { MetadataStore } from '../../functions/ports.ts';
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
  async all(): Promise<{ functions: FunctionRecord[]; versions: VersionRecord[] }> {
    const { functions, versions } = await this.#inner.all();
    return {
      functions: functions.map((record) => this.#open(record)),
      versions: versions.map((record) => this.#open(record)),
    };
  }

  put(record: FunctionRecord, published?: VersionRecord): Promise<void> {
    this.#changes.note(idOf(record));
    if (published === undefined) return this.#inner.put(this.#seal(record));
    this.#changes.note(idOf(published));
    return this.#inner.put(this.#seal(record), this.#seal(published));
  }

  putVersion(version: VersionRecord): Promise<void> {
    this.#changes.note(idOf(version));
    return this.#inner.putVersion(this.#seal(version));
  }

  delete(id: FunctionId): Promise<void> {
    this.#changes.note(idOf(id));
    this.#changes.note(allVersionsOf(id));
    return this.#inner.delete(id);
  }

  deleteVersion(id: FunctionId, version: number): Promise<void> {
    this.#changes.note(idOf({ ...id, version }));
    return this.#inner.deleteVersion(id, version);
  }

  /** Seals with the current master key what isn't yet. */
  async reseal(): Promise<void> {
    await this.#changes.during(async (changed) => {
      const { functions, versions } = await this.#inner.all();
      for (const record of functions) {
        if (this.#isStale(record) && !changed(idOf(record))) await this.#inner.put(this.#seal(this.#open(record)));
      }
      for (const record of versions) {
        // It went with its function, and there may be another of that name by now.
        if (changed(idOf(record)) || changed(allVersionsOf(record))) continue;
        if (this.#isStale(record)) await this.#inner.putVersion(this.#seal(this.#open(record)));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #isStale(record: FunctionRecord | VersionRecord): boolean {
    return settingsOf(record).some(({ environment }) => {
      const sealed = environment[SEALED];
      return sealed === undefined ? hasAny(environment) : !this.#ring.isCurrent(sealed);
    });
  }

  #seal<T extends FunctionRecord | VersionRecord>(record: T): T {
    return eachSettings(record, (settings, context) => {
      const { environment } = settings;
      if (!hasAny(environment)) return settings;
      const sealed = this.#ring.seal(JSON.stringify(environment), context);
      return { ...settings, environment: { [SEALED]: sealed } };
    });
  }

  #open<T extends FunctionRecord | VersionRecord>(record: T): T {
    return eachSettings(record, (settings, context) => {
      const sealed = settings.environment[SEALED];
      // Records of before anything was sealed are as they are, until they are written again.
      if (sealed === undefined || !isSealed(sealed)) return settings;
      const environment = JSON.parse(this.#ring.open(sealed, context)) as Record<string, string>;
      return { ...settings, environment };
    });
  }
}

/** The settings in a record: its own, and those of what serves meanwhile. */
function settingsOf(record: FunctionRecord | VersionRecord): FunctionSettings[] {
  const serving = 'update' in record ? record.update?.serving : undefined;
  return serving === undefined ? [record.settings] : [record.settings, serving.settings];
}

/** A record with all settings in it changed. */
function eachSettings<T extends FunctionRecord | VersionRecord>(
  record: T,
  change: (settings: FunctionSettings, context: string) => FunctionSettings,
): T {
  const context = contextOf(record);
  const changed = { ...record, settings: change(record.settings, context) };
  if (!('update' in changed) || changed.update === undefined) return changed;
  const { update } = changed;
  const settings = change(update.serving.settings, `${context}, as it serves`);
  return { ...changed, update: { ...update, serving: { ...update.serving, settings } } };
}

function hasAny(environment: Readonly<Record<string, string>>): boolean {
  return Object.keys(environment).length > 0;
}

/** Of a function, or of a version. */
function idOf(id: FunctionId & { readonly version?: number }): string {
  const name = `${id.account}/${id.region}/${id.name}`;
  return id.version === undefined ? name : `${name}/${id.version}`;
}

function allVersionsOf(id: FunctionId): string {
  return `${id.account}/${id.region}/${id.name}/*`;
}

function contextOf(record: FunctionRecord | VersionRecord): string {
  return `the environment of function ${idOf(record)}`;
}
