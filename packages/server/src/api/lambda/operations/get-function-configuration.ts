import type { FunctionConfiguration, GetFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html */
export const getFunctionConfiguration: Handler<GetFunctionConfigurationRequest, FunctionConfiguration> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => functions.get(identity, name, qualifier, 'GetFunctionConfiguration').configuration;
