import type { GetLayerVersionPolicyRequest, GetLayerVersionPolicyResponse } from '@aws-sdk/client-lambda';
import { policyDocument } from '../../../functions/layers/layer-policy.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionPolicy.html */
export const getLayerVersionPolicy: Handler<GetLayerVersionPolicyRequest, GetLayerVersionPolicyResponse> = (
  { LayerName: name, VersionNumber: version = 0 },
  { functions, identity },
) => {
  const { record, policy } = functions.layers.policy(identity, name, version);
  return { Policy: policyDocument(record, policy), RevisionId: policy.revisionId };
};
