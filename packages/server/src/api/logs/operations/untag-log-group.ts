import type { UntagLogGroupRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagLogGroup.html */
export const untagLogGroup: Handler<UntagLogGroupRequest, object> = async (
  { logGroupName, tags },
  { logs, identity },
) => {
  await logs.groups.untag(identity, logGroupName!, tags!);
  return {};
};
