import type { GetLogEventsRequest, GetLogEventsResponse } from '@aws-sdk/client-cloudwatch-logs';
import { groupOf } from './operation.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html */
export const getLogEvents: Handler<GetLogEventsRequest, GetLogEventsResponse> = async (input, context) => {
  const { logStreamName, startTime: start, endTime: end, nextToken: token, limit, startFromHead = false } = input;
  const { events, forward, backward } = await context.logs.events.get(
    context.identity,
    groupOf(input, context),
    logStreamName!,
    { start, end, token, limit, fromHead: startFromHead },
    context.signal,
  );
  return {
    events: events.map(({ timestamp, message, ingested }) => ({ timestamp, message, ingestionTime: ingested })),
    nextForwardToken: forward,
    nextBackwardToken: backward,
  };
};
