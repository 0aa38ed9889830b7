import type { Concurrency, PutFunctionConcurrencyRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html */
export const putFunctionConcurrency: Handler<PutFunctionConcurrencyRequest, Concurrency> = async (
  { FunctionName: name = '', ReservedConcurrentExecutions: count },
  { functions, identity },
) => {
  await functions.concurrency.set(identity, name, count, 'PutFunctionConcurrency');
  return { ReservedConcurrentExecutions: count };
};
