import type { PutLogEventsRequest, PutLogEventsResponse } from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from './operation.ts';

/** What AWS ignores by now; older clients want one. */
const SEQUENCE_TOKEN = '49039859566061399922839266024766136236';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
export const putLogEvents: Handler<PutLogEventsRequest, PutLogEventsResponse> = async (
  { logGroupName, logStreamName, logEvents },
  { logs, identity },
) => {
  const events = logEvents!.map(({ timestamp, message }) => ({ timestamp: timestamp!, message: message! }));
  const rejected = await logs.writing.put(identity, logGroupName!, logStreamName!, events);
  return { nextSequenceToken: SEQUENCE_TOKEN, ...(rejected === undefined ? {} : { rejectedLogEventsInfo: rejected }) };
};
