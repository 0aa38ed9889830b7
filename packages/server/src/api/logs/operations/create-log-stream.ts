import type { CreateLogStreamRequest } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html */
export const createLogStream: Handler<CreateLogStreamRequest, object> = async (
  { logGroupName, logStreamName },
  { logs, identity },
) => {
  await logs.streams.create(identity, logGroupName!, logStreamName!);
  return {};
};
