import { format } from 'node:util';
import type { Logger } from 'pino';
import { pino } from 'pino';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Where log lines go; stderr, so that stdout stays for what a command answers. */
export interface LogOutput {
  isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/**
 * The server's own log: one line an entry, for people where `output` is a terminal, else JSON as pino writes it.
 *
 * @param level trace, debug, info, warn, error, fatal or silent; by default HEARTH_LOG_LEVEL, else info.
 * @throws TypeError for any other level.
 */
export function createLog(
  level: string = process.env.HEARTH_LOG_LEVEL ?? 'info',
  output: LogOutput = process.stderr,
): Logger {
  if (!LEVELS.includes(level)) {
    throw new TypeError(`${JSON.stringify(level)} is not a log level. Hint: use one of ${LEVELS.join(', ')}.`);
  }
  const destination = { write: (line: string) => output.write(output.isTTY === true ? forPeople(line) : line) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

const NAMES = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, '\u001B[33mwarn\u001B[39m'],
  [50, '\u001B[31merror\u001B[39m'],
  [60, '\u001B[31mfatal\u001B[39m'],
]);

function forPeople(line: string): string {
  const { level, time, msg, err, hint, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries(rest).map(([name, value]) => format('%s=%s', name, JSON.stringify(value)));
  const error = err as { stack?: string; message?: string } | undefined;
  const parts = [
    clock,
    NAMES.get(Number(level)) ?? String(level),
    format('%s', msg ?? error?.message ?? ''),
    ...fields,
  ];
  const details = [hint === undefined ? undefined : format('Hint: %s', hint), error?.stack];
  const below = details.filter((text) => text !== undefined).map((text) => text.replaceAll(/^/gm, '    '));
  return `${[parts.join(' '), ...below].join('\n')}\n`;
}
