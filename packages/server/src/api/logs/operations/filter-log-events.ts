import type { FilterLogEventsRequest, FilterLogEventsResponse } from '@aws-sdk/client-cloudwatch-logs';
import { eventId } from '../../../logs/tokens.ts';
import { groupOf } from './operation.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html */
export const filterLogEvents: Handler<FilterLogEventsRequest, FilterLogEventsResponse> = async (input, context) => {
  const { startTime: start, endTime, filterPattern: pattern, nextToken, limit, startFromHead = true } = input;
  const { events, token } = await context.logs.events.filter(
    context.identity,
    groupOf(input, context),
    {
      start,
      // Here, other than for GetLogEvents, an event of that very time is wanted too.
      end: endTime === undefined ? undefined : endTime + 1,
      pattern,
      streams: input.logStreamNames,
      prefix: input.logStreamNamePrefix,
      token: nextToken,
      limit,
      fromHead: startFromHead,
    },
    context.signal,
  );
  return {
    events: events.map((event) => ({
      logStreamName: event.stream,
      timestamp: event.timestamp,
      message: event.message,
      ingestionTime: event.ingested,
      eventId: eventId(event),
    })),
    // AWS lists none any more.
    searchedLogStreams: [],
    nextToken: token,
  };
};
