import type { DeleteFunctionUrlConfigRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionUrlConfig.html */
export const deleteFunctionUrlConfig: Handler<DeleteFunctionUrlConfigRequest, object> = async (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => {
  await functions.urls.delete(identity, name, qualifier);
  return {};
};
