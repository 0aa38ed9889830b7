import type { CreateFunctionCommandInput } from '@aws-sdk/client-lambda';

/** What CreateFunction takes at least, and what a test has of its own. */
export function newFunction(
  name: string,
  zip: Buffer,
  own: Partial<CreateFunctionCommandInput> = {},
): CreateFunctionCommandInput {
  return {
    FunctionName: name,
    Role: 'arn:aws:iam::000000000000:role/lambda',
    Runtime: 'nodejs26.x',
    Handler: 'index.handler',
    Code: { ZipFile: zip },
    ...own,
  };
}
