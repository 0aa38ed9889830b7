import type { CreateFunctionRequest, FunctionConfiguration } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
export const createFunction: Handler<CreateFunctionRequest, FunctionConfiguration> = (input, { functions, identity }) =>
  functions.create(identity, input);
