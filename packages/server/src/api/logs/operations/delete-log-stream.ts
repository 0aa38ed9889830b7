import type { DeleteLogStreamRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html */
export const deleteLogStream: Handler<DeleteLogStreamRequest, object> = async (
  { logGroupName, logStreamName },
  { logs, identity },
) => {
  await logs.streams.delete(identity, logGroupName!, logStreamName!);
  return {};
};
