import type { ListTagsLogGroupRequest, ListTagsLogGroupResponse } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsLogGroup.html */
export const listTagsLogGroup: Handler<ListTagsLogGroupRequest, ListTagsLogGroupResponse> = async (
  { logGroupName },
  { logs, identity },
) => ({ tags: { ...(await logs.groups.get(identity, logGroupName!)).tags } });
