import type { PublishLayerVersionRequest, PublishLayerVersionResponse } from '@aws-sdk/client-lambda';
import { layerVersion } from '../../../functions/layers/layer-versions.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html */
export const publishLayerVersion: Handler<PublishLayerVersionRequest, PublishLayerVersionResponse> = async (
  input,
  { functions, identity, links, host },
) => {
  const record = await functions.layers.publish(identity, input);
  return layerVersion(record, links.make(host, record.code.sha256));
};
