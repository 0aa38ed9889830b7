/** One log event, as readers of logs see it. */
export interface LogEvent {
  /** Milliseconds since the epoch, by the server's clock, when the event was written. */
  timestamp: number;
  /** The log stream, for instance `2026/11/21/[$LATEST]` and 32 hex digits. */
  stream: string;
  /** Without the line's end; at most {@link MAX_EVENT_BYTES}. */
  message: string;
  requestId?: string;
}

/**
 * The most that one event holds, in bytes of UTF-8. Longer lines are cut into several events, none of their text is
 * lost. 256 KB is CloudWatch Logs' classic limit for an event
 * (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html).
 */
export const MAX_EVENT_BYTES = 256 * 1024;

/** Milliseconds since the epoch. */
export interface Clock {
  now(): number;
}
