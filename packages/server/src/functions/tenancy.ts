import type { CreateFunctionRequest } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { FunctionSettings } from './function-record.ts';

/**
 * Tenants of a function: with isolation mode PER_TENANT each sandbox serves one of them only. Chosen when the function is made, and for
 * good: no other request has it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
 */

/** Tenants of a version that are remembered; beyond it the memory starts anew. */
const REMEMBERED = 10_000;

/** By version: what each of its tenants runs. The same object for the same tenant, while it is remembered. */
const known = new WeakMap<FunctionSpec, Map<string, FunctionSpec>>();

/** @throws ApiError InvalidParameterValueException beside what AWS does not combine it with. */
export function readTenancy(request: CreateFunctionRequest): FunctionSettings['tenancy'] {
  const mode = request.TenancyConfig?.TenantIsolationMode;
  if (mode === 'PER_TENANT' && request.SnapStart?.ApplyOn === 'PublishedVersions') throw notWithTenancy('SnapStart');
  return mode;
}

/** @throws ApiError InvalidParameterValueException where a function has tenants, and so can't have this. */
export function checkNoTenancy({ tenancy }: FunctionSettings, what: string): void {
  if (tenancy !== undefined) throw notWithTenancy(what);
}

/**
 * What an invocation of a version runs for a tenant: the version itself, with a key, and so with sandboxes, of its own.
 *
 * @throws ApiError InvalidParameterValueException where a function that has tenants is invoked for none, or one without for one.
 */
export function forTenant(spec: FunctionSpec, tenant: string | undefined): FunctionSpec {
  if (spec.tenancy === undefined) {
    if (tenant === undefined) return spec;
    throw invalid(
      'The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.',
    );
  }
  if (tenant === undefined) {
    throw invalid(
      'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
    );
  }
  let tenants = known.get(spec);
  if (tenants === undefined || tenants.size >= REMEMBERED) known.set(spec, (tenants = new Map()));
  let own = tenants.get(tenant);
  if (own === undefined) {
    own = { ...spec, key: `${spec.key}/tenant/${tenant}`, tenant: { id: tenant, of: spec.key } };
    tenants.set(tenant, own);
  }
  return own;
}

function notWithTenancy(what: string): ApiError {
  return invalid(`${what} is not supported for functions with tenant isolation (TenancyConfig).`);
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
