import type { GetLayerVersionRequest, GetLayerVersionResponse } from '@aws-sdk/client-lambda';
import { layerVersion } from '../../../functions/layers/layer-versions.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersion.html */
export const getLayerVersion: Handler<GetLayerVersionRequest, GetLayerVersionResponse> = (
  { LayerName: name, VersionNumber: version },
  { functions, identity, links, host },
) => {
  const record = functions.layers.get(identity, name, version);
  return layerVersion(record, links.make(host, record.code.sha256));
};
