import type { LoggingConfig } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { JsonLogs } from '@hearth/protocol';

/** AWS's default for both (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html). */
const DEFAULT_LEVEL = 'INFO';

/**
 * What a request makes of a function's log format and levels; what it doesn't name stays.
 *
 * @returns undefined where the format is Text, which has no levels.
 * @throws ApiError InvalidParameterValueException where it names a level for Text.
 */
export function mergeLogging(current: JsonLogs | undefined, request: LoggingConfig | undefined): JsonLogs | undefined {
  const format = request?.LogFormat ?? (current === undefined ? 'Text' : 'JSON');
  const { ApplicationLogLevel: application, SystemLogLevel: system } = request ?? {};
  if (format === 'JSON') {
    return {
      applicationLevel: application ?? current?.applicationLevel ?? DEFAULT_LEVEL,
      systemLevel: system ?? current?.systemLevel ?? DEFAULT_LEVEL,
    };
  }
  if (application === undefined && system === undefined) return undefined;
  throw new ApiError(
    'InvalidParameterValueException',
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the ' +
      'LogFormat to "JSON" and try again.',
  );
}

/** As AWS shows it. */
export function loggingConfig(logGroup: string, jsonLogs: JsonLogs | undefined): LoggingConfig {
  if (jsonLogs === undefined) return { LogFormat: 'Text', LogGroup: logGroup };
  return {
    LogFormat: 'JSON',
    ApplicationLogLevel: jsonLogs.applicationLevel,
    SystemLogLevel: jsonLogs.systemLevel,
    LogGroup: logGroup,
  };
}
