import type { CreateFunctionUrlConfigRequest, CreateFunctionUrlConfigResponse } from '@aws-sdk/client-lambda';
import { functionUrlConfig } from './function-url-config.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html */
export const createFunctionUrlConfig: Handler<CreateFunctionUrlConfigRequest, CreateFunctionUrlConfigResponse> = async (
  request,
  { functions, identity, host },
) => functionUrlConfig(host, await functions.urls.create(identity, request));
