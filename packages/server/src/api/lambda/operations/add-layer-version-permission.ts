import type { AddLayerVersionPermissionRequest, AddLayerVersionPermissionResponse } from '@aws-sdk/client-lambda';
import { statementDocument } from '../../../functions/layers/layer-policy.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_AddLayerVersionPermission.html */
export const addLayerVersionPermission: Handler<
  AddLayerVersionPermissionRequest,
  AddLayerVersionPermissionResponse
> = async (input, { functions, identity }) => {
  const { record, statement, policy } = await functions.layers.allow(identity, input);
  return { Statement: statementDocument(record, statement), RevisionId: policy.revisionId };
};
