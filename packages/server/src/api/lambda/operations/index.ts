import type { AnyHandler } from '../../service.ts';
import type { Context } from './operation.ts';
import { createAlias } from './create-alias.ts';
import { createFunction } from './create-function.ts';
import { deleteAlias } from './delete-alias.ts';
import { createFunctionUrlConfig } from './create-function-url-config.ts';
import { deleteFunction } from './delete-function.ts';
import { deleteFunctionConcurrency } from './delete-function-concurrency.ts';
import { deleteFunctionUrlConfig } from './delete-function-url-config.ts';
import { getAccountSettings } from './get-account-settings.ts';
import { getAlias } from './get-alias.ts';
import { getFunction } from './get-function.ts';
import { getFunctionConcurrency } from './get-function-concurrency.ts';
import { getFunctionConfiguration } from './get-function-configuration.ts';
import { listAliases } from './list-aliases.ts';
import { getFunctionUrlConfig } from './get-function-url-config.ts';
import { listFunctionUrlConfigs } from './list-function-url-configs.ts';
import { listFunctions } from './list-functions.ts';
import { listTags } from './list-tags.ts';
import { listVersionsByFunction } from './list-versions-by-function.ts';
import { publishVersion } from './publish-version.ts';
import { putFunctionConcurrency } from './put-function-concurrency.ts';
import { tagResource } from './tag-resource.ts';
import { untagResource } from './untag-resource.ts';
import { updateAlias } from './update-alias.ts';
import { updateFunctionCode } from './update-function-code.ts';
import { updateFunctionConfiguration } from './update-function-configuration.ts';
import { updateFunctionUrlConfig } from './update-function-url-config.ts';

/** The operations that are built, by name. Invoke has its own way (../invoke.ts); any other is answered 501. */
export const HANDLERS: ReadonlyMap<string, AnyHandler<Context>> = new Map<string, AnyHandler<Context>>([
  ['CreateAlias', createAlias],
  ['CreateFunction', createFunction],
  ['DeleteAlias', deleteAlias],
  ['CreateFunctionUrlConfig', createFunctionUrlConfig],
  ['DeleteFunction', deleteFunction],
  ['DeleteFunctionConcurrency', deleteFunctionConcurrency],
  ['DeleteFunctionUrlConfig', deleteFunctionUrlConfig],
  ['GetAccountSettings', getAccountSettings],
  ['GetAlias', getAlias],
  ['GetFunction', getFunction],
  ['GetFunctionConcurrency', getFunctionConcurrency],
  ['GetFunctionConfiguration', getFunctionConfiguration],
  ['ListAliases', listAliases],
  ['GetFunctionUrlConfig', getFunctionUrlConfig],
  ['ListFunctionUrlConfigs', listFunctionUrlConfigs],
  ['ListFunctions', listFunctions],
  ['ListTags', listTags],
  ['ListVersionsByFunction', listVersionsByFunction],
  ['PublishVersion', publishVersion],
  ['PutFunctionConcurrency', putFunctionConcurrency],
  ['TagResource', tagResource],
  ['UntagResource', untagResource],
  ['UpdateAlias', updateAlias],
  ['UpdateFunctionCode', updateFunctionCode],
  ['UpdateFunctionConfiguration', updateFunctionConfiguration],
  ['UpdateFunctionUrlConfig', updateFunctionUrlConfig],
]);
