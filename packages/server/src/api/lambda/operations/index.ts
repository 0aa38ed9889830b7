import type { AnyHandler } from '../../service.ts';
import type { Context } from './operation.ts';
import { addLayerVersionPermission } from './add-layer-version-permission.ts';
import { addPermission } from './add-permission.ts';
import { createAlias } from './create-alias.ts';
import { createCapacityProvider } from './create-capacity-provider.ts';
import { createFunctionUrlConfig } from './create-function-url-config.ts';
import { createFunction } from './create-function.ts';
import { deleteAlias } from './delete-alias.ts';
import { deleteCapacityProvider } from './delete-capacity-provider.ts';
import { deleteFunctionConcurrency } from './delete-function-concurrency.ts';
import { deleteFunctionUrlConfig } from './delete-function-url-config.ts';
import { deleteFunction } from './delete-function.ts';
import { deleteLayerVersion } from './delete-layer-version.ts';
import { deleteProvisionedConcurrencyConfig } from './delete-provisioned-concurrency-config.ts';
import { getAccountSettings } from './get-account-settings.ts';
import { getAlias } from './get-alias.ts';
import { getCapacityProvider } from './get-capacity-provider.ts';
import { getFunctionConcurrency } from './get-function-concurrency.ts';
import { getFunctionConfiguration } from './get-function-configuration.ts';
import { getFunctionScalingConfig } from './get-function-scaling-config.ts';
import { getFunctionUrlConfig } from './get-function-url-config.ts';
import { getFunction } from './get-function.ts';
import { getLayerVersionByArn } from './get-layer-version-by-arn.ts';
import { getLayerVersionPolicy } from './get-layer-version-policy.ts';
import { getLayerVersion } from './get-layer-version.ts';
import { getPolicy } from './get-policy.ts';
import { getProvisionedConcurrencyConfig } from './get-provisioned-concurrency-config.ts';
import { listAliases } from './list-aliases.ts';
import { listCapacityProviders } from './list-capacity-providers.ts';
import { listFunctionUrlConfigs } from './list-function-url-configs.ts';
import { listFunctionVersionsByCapacityProvider } from './list-function-versions-by-capacity-provider.ts';
import { listFunctions } from './list-functions.ts';
import { listLayerVersions } from './list-layer-versions.ts';
import { listLayers } from './list-layers.ts';
import { listProvisionedConcurrencyConfigs } from './list-provisioned-concurrency-configs.ts';
import { listTags } from './list-tags.ts';
import { listVersionsByFunction } from './list-versions-by-function.ts';
import { publishLayerVersion } from './publish-layer-version.ts';
import { publishVersion } from './publish-version.ts';
import { putFunctionConcurrency } from './put-function-concurrency.ts';
import { putFunctionScalingConfig } from './put-function-scaling-config.ts';
import { putProvisionedConcurrencyConfig } from './put-provisioned-concurrency-config.ts';
import { removeLayerVersionPermission } from './remove-layer-version-permission.ts';
import { removePermission } from './remove-permission.ts';
import { tagResource } from './tag-resource.ts';
import { untagResource } from './untag-resource.ts';
import { updateAlias } from './update-alias.ts';
import { updateCapacityProvider } from './update-capacity-provider.ts';
import { updateFunctionCode } from './update-function-code.ts';
import { updateFunctionConfiguration } from './update-function-configuration.ts';
import { updateFunctionUrlConfig } from './update-function-url-config.ts';

/** The operations that are built, by name. Invoke has its own way (../invoke.ts); any other is answered 501. */
export const HANDLERS: ReadonlyMap<string, AnyHandler<Context>> = new Map<string, AnyHandler<Context>>([
  ['AddLayerVersionPermission', addLayerVersionPermission],
  ['AddPermission', addPermission],
  ['CreateAlias', createAlias],
  ['CreateCapacityProvider', createCapacityProvider],
  ['CreateFunction', createFunction],
  ['CreateFunctionUrlConfig', createFunctionUrlConfig],
  ['DeleteAlias', deleteAlias],
  ['DeleteCapacityProvider', deleteCapacityProvider],
  ['DeleteFunction', deleteFunction],
  ['DeleteFunctionConcurrency', deleteFunctionConcurrency],
  ['DeleteFunctionUrlConfig', deleteFunctionUrlConfig],
  ['DeleteLayerVersion', deleteLayerVersion],
  ['DeleteProvisionedConcurrencyConfig', deleteProvisionedConcurrencyConfig],
  ['GetAccountSettings', getAccountSettings],
  ['GetAlias', getAlias],
  ['GetCapacityProvider', getCapacityProvider],
  ['GetFunction', getFunction],
  ['GetFunctionConcurrency', getFunctionConcurrency],
  ['GetFunctionConfiguration', getFunctionConfiguration],
  ['GetFunctionScalingConfig', getFunctionScalingConfig],
  ['GetFunctionUrlConfig', getFunctionUrlConfig],
  ['GetLayerVersion', getLayerVersion],
  ['GetLayerVersionByArn', getLayerVersionByArn],
  ['GetLayerVersionPolicy', getLayerVersionPolicy],
  ['GetPolicy', getPolicy],
  ['GetProvisionedConcurrencyConfig', getProvisionedConcurrencyConfig],
  ['ListAliases', listAliases],
  ['ListCapacityProviders', listCapacityProviders],
  ['ListFunctionUrlConfigs', listFunctionUrlConfigs],
  ['ListFunctionVersionsByCapacityProvider', listFunctionVersionsByCapacityProvider],
  ['ListFunctions', listFunctions],
  ['ListLayerVersions', listLayerVersions],
  ['ListLayers', listLayers],
  ['ListProvisionedConcurrencyConfigs', listProvisionedConcurrencyConfigs],
  ['ListTags', listTags],
  ['ListVersionsByFunction', listVersionsByFunction],
  ['PublishLayerVersion', publishLayerVersion],
  ['PublishVersion', publishVersion],
  ['PutFunctionConcurrency', putFunctionConcurrency],
  ['PutFunctionScalingConfig', putFunctionScalingConfig],
  ['PutProvisionedConcurrencyConfig', putProvisionedConcurrencyConfig],
  ['RemoveLayerVersionPermission', removeLayerVersionPermission],
  ['RemovePermission', removePermission],
  ['TagResource', tagResource],
  ['UntagResource', untagResource],
  ['UpdateAlias', updateAlias],
  ['UpdateCapacityProvider', updateCapacityProvider],
  ['UpdateFunctionCode', updateFunctionCode],
  ['UpdateFunctionConfiguration', updateFunctionConfiguration],
  ['UpdateFunctionUrlConfig', updateFunctionUrlConfig],
]);
