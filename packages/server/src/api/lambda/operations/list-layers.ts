import type { ListLayersRequest, ListLayersResponse } from '@aws-sdk/client-lambda';
import { layerArn } from '../../../functions/layers/layer-name.ts';
import { listedLayerVersion } from '../../../functions/layers/layer-versions.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListLayers.html */
export const listLayers: Handler<ListLayersRequest, ListLayersResponse> = (input, { functions, identity }) => {
  const { items, nextMarker } = functions.layers.list(identity, input);
  return {
    Layers: items.map((record) => ({
      LayerName: record.name,
      LayerArn: layerArn(record),
      LatestMatchingVersion: listedLayerVersion(record),
    })),
    NextMarker: nextMarker,
  };
};
