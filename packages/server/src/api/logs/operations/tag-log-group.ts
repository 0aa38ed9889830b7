import type { TagLogGroupRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagLogGroup.html */
export const tagLogGroup: Handler<TagLogGroupRequest, object> = async ({ logGroupName, tags }, { logs, identity }) => {
  await logs.groups.tag(identity, logGroupName!, tags!);
  return {};
};
