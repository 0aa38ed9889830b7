import type { DeleteFunctionRequest, DeleteFunctionResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html */
export const deleteFunction: Handler<DeleteFunctionRequest, DeleteFunctionResponse> = async (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => {
  await functions.delete(identity, name, qualifier);
  return { StatusCode: 204 };
};
