import type { FunctionSpec } from '@hearth/protocol';
import { functionSpec } from './configuration.ts';
import type { FunctionRecord } from './function-record.ts';
import type { FunctionId } from './ports.ts';

/** A function in memory. */
export interface Entry {
  readonly record: FunctionRecord;
  readonly spec: FunctionSpec;
}

/** The functions of one account in one region. */
interface Tenant {
  readonly byName: Map<string, Entry>;
  /** Names in order, or undefined when a name has come or gone since they were put in order. */
  sorted: string[] | undefined;
  codeBytes: number;
  /** Sum of the reserved concurrency. */
  reserved: number;
}

/** All functions in memory, so that finding one never waits for storage. */
export class FunctionIndex {
  readonly #tenants = new Map<string, Tenant>();
  /** Hashes of code that functions of an account have or had. */
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
    tenant.reserved += (record.reservedConcurrency ?? 0) - (old?.record.reservedConcurrency ?? 0);
    // The spec is kept where nothing that running depends on has changed, so that its identity tells.
    const spec = old !== undefined && old.record.revision === record.revision ? old.spec : functionSpec(record);
    const entry = { record, spec };
    tenant.byName.set(record.name, entry);
    this.#codesOf(record.account).add(record.code.sha256);
    return entry;
  }

  hasAny(account: string): boolean {
    for (const [key, { byName }] of this.#tenants) if (byName.size > 0 && key.startsWith(`${account}/`)) return true;
    return false;
  }

  /** Whether some function of the account has or had this code. */
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
    tenant.reserved -= entry.record.reservedConcurrency ?? 0;
  }

  /** All functions, in no particular order. */
  *all(): Iterable<Entry> {
    for (const { byName } of this.#tenants.values()) yield* byName.values();
  }

  /** Up to `count` functions by name, those after `after`. */
  page(account: string, region: string, after: string, count: number): { records: FunctionRecord[]; more: boolean } {
    const tenant = this.#tenants.get(`${account}/${region}`);
    if (tenant === undefined) return { records: [], more: false };
    tenant.sorted ??= [...tenant.byName.keys()].sort();
    const start = firstAfter(tenant.sorted, after);
    const names = tenant.sorted.slice(start, start + count);
    return {
      records: names.map((name) => tenant.byName.get(name)!.record),
      more: start + count < tenant.sorted.length,
    };
  }

  #codesOf(account: string): Set<string> {
    let codes = this.#codes.get(account);
    if (codes === undefined) this.#codes.set(account, (codes = new Set()));
    return codes;
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

/** The place of the first name greater than `after`. */
function firstAfter(sorted: readonly string[], after: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
