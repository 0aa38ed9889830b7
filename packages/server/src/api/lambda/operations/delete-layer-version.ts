import type { DeleteLayerVersionRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html */
export const deleteLayerVersion: Handler<DeleteLayerVersionRequest, object> = async (
  { LayerName: name, VersionNumber: version = 0 },
  { functions, identity },
) => {
  await functions.layers.delete(identity, name, version);
  return {};
};
