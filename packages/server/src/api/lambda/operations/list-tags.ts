import type { ListTagsRequest, ListTagsResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html */
export const listTags: Handler<ListTagsRequest, ListTagsResponse> = (
  { Resource: arn = '' },
  { functions, identity },
) => ({ Tags: functions.tags.list(identity, arn) });
