import type { GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html */
export const getFunctionConcurrency: Handler<GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse> = (
  { FunctionName: name = '' },
  { functions, identity },
) => ({ ReservedConcurrentExecutions: functions.concurrency.get(identity, name, 'GetFunctionConcurrency') });
