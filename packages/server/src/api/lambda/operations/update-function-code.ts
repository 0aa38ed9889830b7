import type { FunctionConfiguration, UpdateFunctionCodeRequest } from '@aws-sdk/client-lambda';
import { refuseUnsupported } from '../../../functions/unsupported.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html */
export const updateFunctionCode: Handler<UpdateFunctionCodeRequest, FunctionConfiguration> = (
  input,
  { functions, identity },
) => {
  refuseUnsupported({ Publish: input.Publish, PublishTo: input.PublishTo });
  return functions.updateCode(identity, input);
};
