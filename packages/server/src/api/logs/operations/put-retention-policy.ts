import type { PutRetentionPolicyRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const putRetentionPolicy: Handler<PutRetentionPolicyRequest, object> = async (
  { logGroupName, retentionInDays },
  { logs, identity },
) => {
  await logs.groups.retain(identity, logGroupName!, retentionInDays);
  return {};
};
