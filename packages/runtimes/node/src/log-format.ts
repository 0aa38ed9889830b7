import { format } from 'node:util';

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL';

/** Turns one call of a console method into one log entry: a line, newline included. */
export type LogFormat = (
  time: Date,
  requestId: string,
  level: LogLevel,
  message: unknown,
  parameters: unknown[],
) => string;

/**
 * AWS's plain-text log format: time, request id, level and message, with tabs between. Newlines inside the message
 * become carriage returns, so that an entry stays one line until it is displayed.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html and AWS's runtime interface client.
 */
export const formatText: LogFormat = (time, requestId, level, message, parameters) => {
  const text = format(message, ...parameters);
  const line = text.includes('\n') ? text.replaceAll('\n', '\r') : text;
  return `${time.toISOString()}\t${requestId}\t${level}\t${line}\n`;
};
