import type { LogOutput } from './log-output.ts';
import type { LogFormat } from './log-format.ts';
import { reaches, type LogLevel } from './log-level.ts';

type Log = (message?: unknown, ...parameters: unknown[]) => void;

/** The methods of `console` that write log entries; the others end in these or in `process.stdout`. */
export interface LogMethods {
  trace: Log;
  debug: Log;
  info: Log;
  log: Log;
  warn: Log;
  error: Log;
  /** AWS's addition. */
  fatal: Log;
}

/**
 * Makes the console of function code write log entries.
 *
 * @param least entries of this level and above are written.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
export function patchConsole(
  target: Partial<LogMethods>,
  output: LogOutput,
  format: LogFormat,
  least: LogLevel = 'TRACE',
): void {
  const method = (level: LogLevel): Log => {
    if (!reaches(level, least)) return () => {};
    return (message, ...parameters) => {
      output.writeText(format(new Date(), output, level, message, parameters));
    };
  };
  target.trace = method('TRACE');
  target.debug = method('DEBUG');
  target.info = method('INFO');
  target.log = target.info;
  target.warn = method('WARN');
  target.error = method('ERROR');
  target.fatal = method('FATAL');
}
