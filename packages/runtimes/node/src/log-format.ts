import { format } from 'node:util';
import type { LogLevel } from './log-level.ts';

/** The invocation that runs, or ran last. */
export interface LoggedInvocation {
  readonly requestId: string | undefined;
  /** Only in JSON, as on AWS (https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-monitor.html). */
  readonly tenantId: string | undefined;
}

/** Turns one call of a console method into one log entry: a line, newline included. */
export type LogFormat = (
  time: Date,
  invocation: LoggedInvocation,
  level: LogLevel,
  message: unknown,
  parameters: unknown[],
) => string;

/**
 * AWS's plain-text log format: time, request id, level and message, with tabs between. Newlines inside the message
 * become carriage returns, so that an entry stays one line until it is displayed.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html and AWS's runtime interface client.
 */
export const formatText: LogFormat = (time, { requestId }, level, message, parameters) => {
  const text = format(message, ...parameters);
  const line = text.includes('\n') ? text.replaceAll('\n', '\r') : text;
  return `${time.toISOString()}\t${requestId}\t${level}\t${line}\n`;
};

/**
 * AWS's JSON log format: an object with `timestamp`, `level`, `requestId` and `message`. A sole argument keeps its own
 * structure; several are put together as text, and the first error among them is shown in `errorType`, `errorMessage` and
 * `stackTrace` besides.
 *
 * @param all whether the message itself counts among the arguments that may be that error, as it does in nodejs22.x.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html and AWS's runtime interface client.
 */
export const jsonFormat =
  (all: boolean): LogFormat =>
  (time, { requestId, tenantId }, level, message, parameters) => {
    const entry: Record<string, unknown> = { timestamp: time.toISOString(), level, requestId, tenantId };
    if (parameters.length === 0) return `${soleArgument(entry, message)}\n`;
    entry['message'] = format(message, ...parameters);
    const error = (all ? [message, ...parameters] : parameters).find((value) => value instanceof Error);
    if (error !== undefined) Object.assign(entry, shownError(error));
    return `${JSON.stringify(entry)}\n`;
  };

function soleArgument(entry: Record<string, unknown>, message: unknown): string {
  try {
    return JSON.stringify({ ...entry, message }, (_key, value: unknown) =>
      value instanceof Error ? Object.assign(shownError(value), value) : value,
    );
  } catch {
    // A cycle, a BigInt or an accessor that throws: what has no JSON is shown as text.
    return JSON.stringify({ ...entry, message: format(message) });
  }
}

function shownError(error: Error): object {
  return {
    errorType: (error.constructor as Function | undefined)?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}
