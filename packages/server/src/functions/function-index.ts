import type { FunctionSpec } from '@hearth/protocol';
import { functionSpec } from './configuration.ts';
import { archivesOf } from './function-record.ts';
import type { FunctionId, FunctionRecord, RunnableRecord, VersionRecord } from './function-record.ts';
import { claimedConcurrency } from './provisioned-record.ts';

/** A published version in memory. */
export interface VersionEntry {
  readonly record: VersionRecord;
  readonly spec: FunctionSpec;
}

/** A function in memory: `$LATEST` and all versions. */
export interface Entry {
  readonly record: FunctionRecord;
  /** Of `$LATEST`: the one that serves. */
  readonly spec: FunctionSpec;
  /** What the record says: another one while an update is under way, and after one has failed. */
  readonly newest: FunctionSpec;
  /** By number, in ascending order. Belongs to the index, which changes it. */
  readonly versions: ReadonlyMap<number, VersionEntry>;
}

interface MutableEntry extends Entry {
  readonly versions: Map<number, VersionEntry>;
}

/** The functions of one account in one region. */
interface Tenant {
  readonly byName: Map<string, MutableEntry>;
  /** Names in order, or undefined when a name has come or gone since they were put in order. */
  sorted: string[] | undefined;
  /** Of `$LATEST` and all versions. */
  codeBytes: number;
  /** Sum of the concurrency that functions have for themselves. */
  reserved: number;
}

/** All functions in memory, so that finding one never waits for storage. */
export class FunctionIndex {
  readonly #tenants = new Map<string, Tenant>();
  /** Hashes of code and layers that functions of an account have or had. */
  readonly #codes = new Map<string, Set<string>>();

  get({ account, region, name }: FunctionId): Entry | undefined {
    return this.#tenants.get(`${account}/${region}`)?.byName.get(name);
  }

  set(record: FunctionRecord): Entry {
    const key = `${record.account}/${record.region}`;
    let tenant = this.#tenants.get(key);
    if (tenant === undefined) {
      tenant = { byName: new Map(), sorted: undefined, codeBytes: 0, reserved: 0 };
      this.#tenants.set(key, tenant);
    }
    const old = tenant.byName.get(record.name);
    if (old === undefined) tenant.sorted = undefined;
    tenant.codeBytes += record.code.size - (old?.record.code.size ?? 0);
    tenant.reserved += claimedConcurrency(record) - (old === undefined ? 0 : claimedConcurrency(old.record));
    const serving = record.update === undefined ? record : { ...record, ...record.update.serving };
    const spec = known(old, functionSpec(serving));
    const newest = serving === record ? spec : known(old, functionSpec(record));
    const entry = { record, spec, newest, versions: old?.versions ?? new Map<number, VersionEntry>() };
    tenant.byName.set(record.name, entry);
    this.#remember(record);
    this.#remember(serving);
    return entry;
  }

  /** Adds a version to a function that is there; versions come in the order of their numbers. */
  addVersion(record: VersionRecord): VersionEntry {
    const tenant = this.#tenants.get(`${record.account}/${record.region}`)!;
    const entry = { record, spec: functionSpec(record) };
    tenant.byName.get(record.name)!.versions.set(record.version, entry);
    tenant.codeBytes += record.code.size;
    this.#remember(record);
    return entry;
  }

  deleteVersion({ account, region, name, version, code }: VersionRecord): void {
    const tenant = this.#tenants.get(`${account}/${region}`);
    if (tenant?.byName.get(name)?.versions.delete(version) === true) tenant.codeBytes -= code.size;
  }

  hasAny(account: string): boolean {
    for (const [key, { byName }] of this.#tenants) if (byName.size > 0 && key.startsWith(`${account}/`)) return true;
    return false;
  }

  /** Whether some function of the account has or had this code or layer. */
  ownsCode(account: string, sha256: string): boolean {
    return this.#codes.get(account)?.has(sha256) ?? false;
  }

  delete({ account, region, name }: FunctionId): void {
    const tenant = this.#tenants.get(`${account}/${region}`);
    const entry = tenant?.byName.get(name);
    if (tenant === undefined || entry === undefined) return;
    tenant.byName.delete(name);
    tenant.sorted = undefined;
    tenant.codeBytes -= entry.record.code.size;
    for (const { record } of entry.versions.values()) tenant.codeBytes -= record.code.size;
    tenant.reserved -= claimedConcurrency(entry.record);
  }

  /** All functions, in no particular order. */
  *all(): Iterable<Entry> {
    for (const { byName } of this.#tenants.values()) yield* byName.values();
  }

  /** The functions of an account in a region by name, from the name `first` on. */
  *from(account: string, region: string, first: string): Iterable<Entry> {
    const tenant = this.#tenants.get(`${account}/${region}`);
    if (tenant === undefined) return;
    tenant.sorted ??= [...tenant.byName.keys()].sort();
    const { sorted, byName } = tenant;
    for (let i = placeOf(first, sorted); i < sorted.length; i++) yield byName.get(sorted[i]!)!;
  }

  #remember(record: RunnableRecord): void {
    let codes = this.#codes.get(record.account);
    if (codes === undefined) this.#codes.set(record.account, (codes = new Set()));
    for (const sha256 of archivesOf(record)) codes.add(sha256);
  }

  usage(account: string, region: string): { functions: number; codeBytes: number; reserved: number } {
    const tenant = this.#tenants.get(`${account}/${region}`);
    return {
      functions: tenant?.byName.size ?? 0,
      codeBytes: tenant?.codeBytes ?? 0,
      reserved: tenant?.reserved ?? 0,
    };
  }
}

/** The same spec as before where nothing that running depends on has changed, so that its identity tells. */
function known(old: Entry | undefined, spec: FunctionSpec): FunctionSpec {
  if (old?.spec.key === spec.key) return old.spec;
  return old?.newest.key === spec.key ? old.newest : spec;
}

/** The place of the first name that isn't less than `name`. */
function placeOf(name: string, sorted: readonly string[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! >= name) high = middle;
    else low = middle + 1;
  }
  return low;
}
