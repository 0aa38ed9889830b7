import type { ListLayerVersionsRequest, ListLayerVersionsResponse } from '@aws-sdk/client-lambda';
import { listedLayerVersion } from '../../../functions/layers/layer-versions.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html */
export const listLayerVersions: Handler<ListLayerVersionsRequest, ListLayerVersionsResponse> = (
  input,
  { functions, identity },
) => {
  const { items, nextMarker } = functions.layers.listVersions(identity, input);
  return { LayerVersions: items.map(listedLayerVersion), NextMarker: nextMarker };
};
