import type { DeleteFunctionConcurrencyRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html */
export const deleteFunctionConcurrency: Handler<DeleteFunctionConcurrencyRequest, object> = async (
  { FunctionName: name = '' },
  { functions, identity },
) => {
  await functions.concurrency.set(identity, name, undefined, 'DeleteFunctionConcurrency');
  return {};
};
