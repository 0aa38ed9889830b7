import type { AddPermissionRequest, AddPermissionResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html */
export const addPermission: Handler<AddPermissionRequest, AddPermissionResponse> = async (
  input,
  { functions, identity },
) => ({ Statement: await functions.policies.add(identity, input) });
