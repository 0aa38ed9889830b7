import type { DeleteLogGroupRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html */
export const deleteLogGroup: Handler<DeleteLogGroupRequest, object> = async ({ logGroupName }, { logs, identity }) => {
  await logs.groups.delete(identity, logGroupName!);
  return {};
};
