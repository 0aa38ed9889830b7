import type { RuntimeId } from '@hearth/protocol';
import { patchConsole, type LogMethods } from './console.ts';
import { errorDocumentText, errorLogText } from './error-document.ts';
import { formatText, jsonFormat } from './log-format.ts';
import { levelNamed, reaches, type LogLevel } from './log-level.ts';
import type { LogOutput } from './log-output.ts';
import type { StandardStream } from './standard-stream.ts';

/**
 * How a sandbox logs: text of all levels, until its function's environment says otherwise. Chosen once, so that an entry
 * costs no decision.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html#node-js-logging-advanced
 */
export class FunctionLog {
  readonly #console: LogMethods;
  readonly #output: LogOutput;
  readonly #streams: readonly StandardStream[];
  /** Writes the entry of level ERROR with which the runtime reports a failure. Never throws. */
  error: (headline: string, thrown: unknown) => void;

  constructor(console: LogMethods, output: LogOutput, streams: readonly StandardStream[]) {
    this.#console = console;
    this.#output = output;
    this.#streams = streams;
    patchConsole(console, output, formatText);
    this.error = textErrors(console.error);
  }

  /** Logs as this function wants it. */
  become(runtime: RuntimeId, environment: Readonly<Record<string, string>>): void {
    // Before the first invocation that runtime has none to show; it says so in its own way.
    if (runtime === 'nodejs22.x') this.#output.requestId = undefined;
    const format = environment['AWS_LAMBDA_LOG_FORMAT'];
    const level = environment['AWS_LAMBDA_LOG_LEVEL'];
    if (format === undefined && level === undefined) return;
    const least = levelNamed(level) ?? 'TRACE';
    const json = format?.toUpperCase() === 'JSON';
    patchConsole(this.#console, this.#output, json ? jsonFormat(runtime === 'nodejs22.x') : formatText, least);
    const { error } = this.#console;
    this.error = json ? jsonErrors(error) : textErrors(error);
    if (json) for (const stream of this.#streams) stream.keep = (line) => reaches(levelOf(line), least);
  }

  /** Ends unfinished lines and sends them. */
  flush(): void {
    for (const stream of this.#streams) stream.flushPartialLine();
  }
}

const textErrors =
  (log: LogMethods['error']) =>
  (headline: string, thrown: unknown): void =>
    log(headline, errorLogText(thrown));

const jsonErrors =
  (log: LogMethods['error']) =>
  (_headline: string, thrown: unknown): void => {
    try {
      log(thrown instanceof Error ? thrown : new Error(String(thrown)));
    } catch {
      // Its accessors throw, or it can't be made a string.
      log(JSON.parse(errorDocumentText(thrown)));
    }
  };

/**
 * The level of a line that the function wrote itself: what a JSON object says in `level`, else INFO.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
function levelOf(line: string): LogLevel {
  if (!line.startsWith('{')) return 'INFO';
  try {
    return levelNamed((JSON.parse(line) as { level?: unknown }).level) ?? 'INFO';
  } catch {
    return 'INFO';
  }
}
