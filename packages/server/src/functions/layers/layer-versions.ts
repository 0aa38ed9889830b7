import type { GetLayerVersionResponse, LayerVersionsListItem, Runtime, Architecture } from '@aws-sdk/client-lambda';
import { layerArn, layerVersionArn } from './layer-name.ts';
import type { LayerVersionRecord } from './layer-record.ts';

/**
 * A layer version as lists show it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_LayerVersionsListItem.html
 */
export function listedLayerVersion(record: LayerVersionRecord): LayerVersionsListItem {
  const { compatibleRuntimes, compatibleArchitectures, licenseInfo } = record;
  return {
    LayerVersionArn: layerVersionArn(record),
    Version: record.version,
    Description: record.description,
    CreatedDate: new Date(record.created).toISOString().replace('Z', '+0000'),
    ...(compatibleRuntimes === undefined ? {} : { CompatibleRuntimes: [...compatibleRuntimes] as Runtime[] }),
    ...(compatibleArchitectures === undefined
      ? {}
      : { CompatibleArchitectures: [...compatibleArchitectures] as Architecture[] }),
    ...(licenseInfo === undefined ? {} : { LicenseInfo: licenseInfo }),
  };
}

/**
 * A layer version as GetLayerVersion and PublishLayerVersion show it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersion.html
 *
 * @param location where its archive can be downloaded.
 */
export function layerVersion(record: LayerVersionRecord, location: string): GetLayerVersionResponse {
  return {
    ...listedLayerVersion(record),
    LayerArn: layerArn(record),
    Content: {
      Location: location,
      CodeSha256: Buffer.from(record.code.sha256, 'hex').toString('base64'),
      CodeSize: record.code.size,
    },
  };
}
