import type { DescribeLogStreamsRequest, DescribeLogStreamsResponse } from '@aws-sdk/client-cloudwatch-logs';
import { ApiError } from '@hearth/protocol';
import { streamArn } from '../../../logs/arn.ts';
import { groupOf } from './operation.ts';
import type { Handler } from './operation.ts';

/** What AWS ignores by now; some clients want one. */
const SEQUENCE_TOKEN = '49039859566061399922839266024766136236';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html */
export const describeLogStreams: Handler<DescribeLogStreamsRequest, DescribeLogStreamsResponse> = async (
  input,
  context,
) => {
  const { logStreamNamePrefix: prefix, orderBy = 'LogStreamName', descending = false, nextToken, limit } = input;
  const { logs, identity } = context;
  if (orderBy === 'LastEventTime' && prefix !== undefined) {
    throw new ApiError('InvalidParameterException', 'Cannot order by LastEventTime with a logStreamNamePrefix.');
  }
  const group = groupOf(input, context);
  const by = orderBy === 'LogStreamName' ? 'name' : 'last event';
  const selection = { prefix, by, descending, token: nextToken, limit } as const;
  const { streams, token } = await logs.streams.list(identity, group, selection);
  return {
    logStreams: streams.map(({ name, created, firstEvent, lastEvent, lastIngestion }) => ({
      logStreamName: name,
      creationTime: created,
      firstEventTimestamp: firstEvent,
      lastEventTimestamp: lastEvent,
      lastIngestionTime: lastIngestion,
      uploadSequenceToken: SEQUENCE_TOKEN,
      arn: streamArn(identity, group, name),
      storedBytes: 0,
    })),
    nextToken: token,
  };
};
