/**
 * The levels of log entries, the most talkative first.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What other libraries call some of them. */
const OTHER_NAMES: Readonly<Record<string, LogLevel>> = { WARNING: 'WARN', CRITICAL: 'FATAL' };

/** The level with this name, in any case; undefined where there is none. */
export function levelNamed(name: unknown): LogLevel | undefined {
  if (typeof name !== 'string') return undefined;
  const upper = name.toUpperCase();
  return LOG_LEVELS.find((level) => level === upper) ?? OTHER_NAMES[upper];
}

/** Whether an entry of this level is logged where `least` and above are wanted. */
export function reaches(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}
