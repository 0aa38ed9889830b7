import type { ListTagsForResourceRequest, ListTagsForResourceResponse } from '@aws-sdk/client-cloudwatch-logs';
import { taggedGroup } from '../../../logs/arn.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html */
export const listTagsForResource: Handler<ListTagsForResourceRequest, ListTagsForResourceResponse> = async (
  { resourceArn },
  { logs, identity },
) => ({ tags: { ...(await logs.groups.get(identity, taggedGroup(identity, resourceArn!))).tags } });
