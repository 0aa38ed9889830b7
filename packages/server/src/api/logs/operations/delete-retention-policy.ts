import type { DeleteRetentionPolicyRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html */
export const deleteRetentionPolicy: Handler<DeleteRetentionPolicyRequest, object> = async (
  { logGroupName },
  { logs, identity },
) => {
  await logs.groups.retain(identity, logGroupName!, undefined);
  return {};
};
