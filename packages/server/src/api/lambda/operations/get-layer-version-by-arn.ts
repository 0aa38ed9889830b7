import type { GetLayerVersionByArnRequest, GetLayerVersionResponse } from '@aws-sdk/client-lambda';
import { layerVersion } from '../../../functions/layers/layer-versions.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html */
export const getLayerVersionByArn: Handler<GetLayerVersionByArnRequest, GetLayerVersionResponse> = (
  { Arn: arn },
  { functions, identity, links, host },
) => {
  const record = functions.layers.getByArn(identity, arn);
  return layerVersion(record, links.make(host, record.code.sha256));
};
