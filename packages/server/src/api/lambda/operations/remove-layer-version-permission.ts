import type { RemoveLayerVersionPermissionRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_RemoveLayerVersionPermission.html */
export const removeLayerVersionPermission: Handler<RemoveLayerVersionPermissionRequest, object> = async (
  input,
  { functions, identity },
) => {
  await functions.layers.disallow(identity, input);
  return {};
};
