import type { FunctionConfiguration, UpdateFunctionCodeRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html */
export const updateFunctionCode: Handler<UpdateFunctionCodeRequest, FunctionConfiguration> = (
  input,
  { functions, identity },
) => functions.updateCode(identity, input);
