import type { GetFunctionRequest, GetFunctionResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
export const getFunction: Handler<GetFunctionRequest, GetFunctionResponse> = (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity, links, host },
) => {
  const { record } = functions.resolve(identity, name, qualifier, 'GetFunction');
  return {
    Configuration: functions.get(identity, name, qualifier, 'GetFunction'),
    Code: { RepositoryType: 'S3', Location: links.make(host, record.code.sha256) },
    ...(record.reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: record.reservedConcurrency } }),
    ...(Object.keys(record.tags).length > 0 ? { Tags: record.tags } : {}),
  };
};
