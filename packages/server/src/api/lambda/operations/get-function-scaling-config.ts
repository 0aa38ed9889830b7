import type { GetFunctionScalingConfigRequest, GetFunctionScalingConfigResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionScalingConfig.html */
export const getFunctionScalingConfig: Handler<GetFunctionScalingConfigRequest, GetFunctionScalingConfigResponse> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => functions.scaling.get(identity, name, qualifier);
