import type { FunctionConfiguration, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html */
export const updateFunctionConfiguration: Handler<UpdateFunctionConfigurationRequest, FunctionConfiguration> = (
  input,
  { functions, identity },
) => functions.updateConfiguration(identity, input);
