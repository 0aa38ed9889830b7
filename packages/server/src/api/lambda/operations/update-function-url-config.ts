import type { UpdateFunctionUrlConfigRequest, UpdateFunctionUrlConfigResponse } from '@aws-sdk/client-lambda';
import { functionUrlConfig } from './function-url-config.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html */
export const updateFunctionUrlConfig: Handler<UpdateFunctionUrlConfigRequest, UpdateFunctionUrlConfigResponse> = async (
  request,
  { functions, identity, host },
) => functionUrlConfig(host, await functions.urls.update(identity, request));
