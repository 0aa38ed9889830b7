import type { PutFunctionScalingConfigRequest, PutFunctionScalingConfigResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html */
export const putFunctionScalingConfig: Handler<
  PutFunctionScalingConfigRequest,
  PutFunctionScalingConfigResponse
> = async (input, { functions, identity }) => {
  await functions.scaling.put(identity, input);
  return { FunctionState: 'Active' };
};
