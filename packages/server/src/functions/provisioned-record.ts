import type { FunctionSpec } from '@hearth/protocol';
import type { Entry } from './function-index.ts';
import type { AliasRecord } from './function-record.ts';

/** A provisioned concurrency configuration as it is stored, in the function's record. JSON. */
export interface ProvisionedRecord {
  /** An alias's name or a version's number: never `$LATEST`. */
  readonly qualifier: string;
  /** Sandboxes that are kept initialised. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

interface HasProvisioned {
  readonly provisioned?: readonly ProvisionedRecord[];
}

/** What one version has of a configuration. */
export interface ProvisionedShare {
  /** The version's number. */
  readonly version: string;
  readonly count: number;
}

export function provisionedOf({ provisioned }: HasProvisioned, qualifier: string): ProvisionedRecord | undefined {
  return provisioned?.find((one) => one.qualifier === qualifier);
}

/** A function's record with another configuration for one qualifier, or with none. */
export function withProvisioned<T extends HasProvisioned>(
  { provisioned: before = [], ...record }: T,
  qualifier: string,
  by?: ProvisionedRecord,
): Omit<T, 'provisioned'> & HasProvisioned {
  const others = before.filter((one) => one.qualifier !== qualifier);
  const provisioned = by === undefined ? others : [...others, by];
  // In the order of code units, which is that of `<`.
  provisioned.sort((a, b) => (a.qualifier < b.qualifier ? -1 : 1));
  return provisioned.length === 0 ? record : { ...record, provisioned };
}

/** Of all versions and aliases of a function. */
export function provisionedTotal({ provisioned = [] }: HasProvisioned): number {
  return provisioned.reduce((sum, { count }) => sum + count, 0);
}

/**
 * What a function takes away from what its account's functions share: its reservation, or else what is provisioned of it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
export function claimedConcurrency(record: HasProvisioned & { readonly reservedConcurrency?: number }): number {
  return record.reservedConcurrency ?? provisionedTotal(record);
}

/** Which versions a configuration is for: an alias that shares its invocations shares this in the same proportion. */
export function sharesOf(
  { qualifier, count }: Pick<ProvisionedRecord, 'qualifier' | 'count'>,
  aliases: readonly AliasRecord[] = [],
): ProvisionedShare[] {
  const alias = aliases.find(({ name }) => name === qualifier);
  if (alias === undefined) return [{ version: qualifier, count }];
  const { version, additional } = alias;
  if (additional === undefined) return [{ version, count }];
  const moved = Math.round(count * additional.weight);
  return [
    { version, count: count - moved },
    { version: additional.version, count: moved },
  ];
}

/** How many sandboxes of each version of a function are to be kept initialised; versions that have none are left out. */
export function provisionedSpecs({ record, versions }: Entry): Map<FunctionSpec, number> {
  const specs = new Map<FunctionSpec, number>();
  for (const one of record.provisioned ?? []) {
    for (const { version, count } of sharesOf(one, record.aliases)) {
      const spec = versions.get(Number(version))?.spec;
      if (spec !== undefined && count > 0) specs.set(spec, (specs.get(spec) ?? 0) + count);
    }
  }
  return specs;
}
