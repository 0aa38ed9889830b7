import type { GetPolicyRequest, GetPolicyResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html */
export const getPolicy: Handler<GetPolicyRequest, GetPolicyResponse> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => functions.policies.get(identity, name, qualifier);
