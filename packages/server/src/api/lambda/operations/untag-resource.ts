import type { UntagResourceRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UntagResource.html */
export const untagResource: Handler<UntagResourceRequest, object> = async (
  { Resource: arn = '', TagKeys: keys = [] },
  { functions, identity },
) => {
  await functions.tags.remove(identity, arn, keys);
  return {};
};
