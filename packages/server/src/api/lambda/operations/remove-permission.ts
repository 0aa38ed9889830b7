import type { RemovePermissionRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html */
export const removePermission: Handler<RemovePermissionRequest, object> = async (input, { functions, identity }) => {
  await functions.policies.remove(identity, input);
  return {};
};
