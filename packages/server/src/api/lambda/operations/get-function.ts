import type { GetFunctionRequest, GetFunctionResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
export const getFunction: Handler<GetFunctionRequest, GetFunctionResponse> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity, links, host },
) => {
  const found = functions.get(identity, name, qualifier, 'GetFunction');
  const { reservedConcurrency, tags } = found.function;
  return {
    Configuration: found.configuration,
    Code: { RepositoryType: 'S3', Location: links.make(host, found.code.sha256) },
    ...(reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
    ...(Object.keys(tags).length > 0 ? { Tags: tags } : {}),
  };
};
