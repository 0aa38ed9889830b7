import type { TagResourceRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html */
export const tagResource: Handler<TagResourceRequest, object> = async (
  { Resource: arn = '', Tags: tags = {} },
  { functions, identity },
) => {
  await functions.tags.add(identity, arn, tags);
  return {};
};
