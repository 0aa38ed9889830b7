import { ApiError } from '@hearth/protocol';
import type { AliasRecord, FunctionRecord } from './function-record.ts';
import { provisionedOf, sharesOf } from './provisioned-record.ts';
import type { ProvisionedShare } from './provisioned-record.ts';
import type { Found } from './registry.ts';
import { checkNoTenancy } from './tenancy.ts';

/**
 * What may have provisioned concurrency: a version, or an alias that gives all its invocations to one.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 *
 * @throws ApiError InvalidParameterValueException
 */
export function checkProvisionable({ entry, alias, version }: Found): void {
  const { settings } = version?.record ?? entry.record;
  checkNoTenancy(settings, 'Provisioned concurrency');
  if (settings.capacityProvider !== undefined) {
    const message = 'Provisioned concurrency is not supported for functions with a CapacityProviderConfig.';
    throw new ApiError('InvalidParameterValueException', message);
  }
  if (version === undefined) throw unpublished();
  if (alias?.additional !== undefined) {
    throw new ApiError('InvalidParameterValueException', 'Invalid alias configuration for Provisioned Concurrency');
  }
}

/**
 * A version has one configuration at most: its own, or that of one alias.
 *
 * @param shares what one qualifier gives to which versions.
 * @throws ApiError ResourceConflictException where another gives one of them some.
 */
export function checkNotShared(
  { provisioned = [], aliases = [] }: FunctionRecord,
  qualifier: string,
  shares: readonly ProvisionedShare[],
): void {
  const versions = new Set(shares.map(({ version }) => version));
  for (const other of provisioned) {
    if (other.qualifier === qualifier) continue;
    if (!sharesOf(other, aliases).some(({ version }) => versions.has(version))) continue;
    throw new ApiError(
      'ResourceConflictException',
      versions.has(qualifier)
        ? 'Version is pointed by a Provisioned Concurrency alias'
        : "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    );
  }
}

/**
 * Whether an alias that has provisioned concurrency may be what it is to be.
 *
 * @throws ApiError InvalidParameterValueException, ResourceConflictException
 */
export function checkProvisionedAlias(record: FunctionRecord, alias: AliasRecord): void {
  const config = provisionedOf(record, alias.name);
  if (config === undefined) return;
  if (alias.version === '$LATEST') throw unpublished();
  checkNotShared(record, alias.name, sharesOf(config, [alias]));
}

function unpublished(): ApiError {
  return new ApiError(
    'InvalidParameterValueException',
    'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
  );
}
