import type { GetFunctionUrlConfigRequest, GetFunctionUrlConfigResponse } from '@aws-sdk/client-lambda';
import { functionUrlConfig } from './function-url-config.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionUrlConfig.html */
export const getFunctionUrlConfig: Handler<GetFunctionUrlConfigRequest, GetFunctionUrlConfigResponse> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity, host },
) => functionUrlConfig(host, functions.urls.read(identity, name, qualifier));
