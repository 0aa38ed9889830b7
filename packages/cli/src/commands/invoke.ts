import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { StringDecoder } from 'node:string_decoder';
import { CliError } from '../cli-error.ts';
import type { Invoked } from '../client/functions.ts';
import { invokeFunction } from '../client/functions.ts';
import { Server } from '../client/server.ts';
import { printable } from '../output/printable.ts';
import { withProgress } from '../output/progress.ts';

export interface InvokeOptions {
  qualifier?: string;
  log?: boolean;
  json?: boolean;
  stream?: boolean;
  runBy?: string;
  whenDue?: string;
}

/**
 * Invokes a function and prints its answer: the answer alone on stdout, all about it on stderr.
 *
 * @returns the exit code: 1 where the function failed.
 */
export async function invoke(name: string, payload: string | undefined, options: InvokeOptions): Promise<number> {
  const event = await readPayload(payload);
  if (options.stream === true) return await stream(name, event, options);
  const { qualifier, log = false, runBy, whenDue } = options;
  const answer = await withProgress(
    `Waiting for ${name}`,
    invokeFunction(new Server(), name, event, { qualifier, log, runBy, whenDue }),
  );
  if (options.json === true) printJson(answer);
  else print(answer);
  return answer.functionError === undefined ? 0 : 1;
}

/** Prints what the function streams as it comes. In JSON it is one answer, as without streaming. */
async function stream(name: string, event: Buffer, { qualifier, log = false, json }: InvokeOptions): Promise<number> {
  const { invokeStreaming } = await import('../client/streamed-invocation.ts');
  const pieces: Buffer[] = [];
  const characters = new StringDecoder();
  const show = async (piece: Buffer): Promise<void> => {
    // A piece may end in the midst of a character.
    const shown = process.stdout.isTTY ? printable(characters.write(piece)) : piece;
    if (!process.stdout.write(shown)) await once(process.stdout, 'drain');
  };
  const collect = async (piece: Buffer): Promise<void> => void pieces.push(piece);
  const take = json === true ? collect : show;
  const answer = await invokeStreaming(new Server(), name, event, { qualifier, log }, take);
  if (json === true) {
    printJson(answer.functionError === undefined ? { ...answer, payload: Buffer.concat(pieces) } : answer);
  } else {
    if (process.stdout.isTTY) process.stdout.write('\n');
    if (answer.logTail !== undefined) process.stderr.write(printable(answer.logTail));
    printEnd(answer);
  }
  return answer.functionError === undefined ? 0 : 1;
}

/** The event: JSON text, `@FILE`, `-` for stdin, `{}` where none is given. */
async function readPayload(payload: string | undefined): Promise<Buffer> {
  if (payload === undefined) return Buffer.from('{}');
  let bytes = Buffer.from(payload);
  if (payload === '-') bytes = Buffer.from(await buffer(process.stdin));
  else if (payload.startsWith('@')) {
    bytes = await readFile(payload.slice(1)).catch((error: NodeJS.ErrnoException) => {
      throw new CliError(`${payload.slice(1)} cannot be read: ${error.message}`, { cause: error });
    });
  }
  try {
    JSON.parse(bytes.toString());
  } catch (error) {
    throw new CliError(`The event is not JSON: ${(error as Error).message}`, {
      hint: `Quote it for the shell, like  '{"name": "value"}' , or give a file as  @event.json .`,
      cause: error,
    });
  }
  return bytes;
}

function print(answer: Invoked): void {
  if (answer.logTail !== undefined) process.stderr.write(printable(answer.logTail));
  const text = answer.payload.toString();
  if (answer.functionError === undefined) {
    process.stdout.write(`${process.stdout.isTTY ? printable(text) : text}\n`);
  }
  printEnd(answer);
}

/** Why it failed, if so, and how it was run. */
function printEnd(answer: Invoked): void {
  if (answer.functionError !== undefined) {
    process.stderr.write(`${printable(describeError(answer.payload.toString()))}\n`);
  }
  const version = answer.version === undefined || answer.version === '$LATEST' ? '' : `, version ${answer.version}`;
  const how = `${answer.startPath ?? 'unknown'} start, ${answer.milliseconds.toFixed(1)} ms${version}`;
  process.stderr.write(`${how}, request ${answer.requestId ?? '-'}\n`);
}

/** AWS's error document for people: the message, then the trace. */
function describeError(text: string): string {
  let document: { errorType?: unknown; errorMessage?: unknown; trace?: unknown };
  try {
    document = JSON.parse(text) as typeof document;
  } catch {
    return text;
  }
  const { errorType, errorMessage, trace } = document;
  const first = [errorType, errorMessage].filter((part) => part !== undefined && part !== '').join(': ');
  const lines = Array.isArray(trace) ? trace.map(String) : [];
  // The trace's own first line repeats what was just said.
  const rest = lines[0] === first ? lines.slice(1) : lines;
  return [first || text, ...rest].join('\n');
}

function printJson(answer: Invoked): void {
  const text = answer.payload.toString();
  let payload: unknown = text;
  try {
    payload = JSON.parse(text);
  } catch {
    // A function may answer with text that is no JSON; it is then shown as text.
  }
  const { functionError, logTail, startPath, requestId, version, milliseconds } = answer;
  const whole = { payload, functionError, startPath, milliseconds, requestId, version, log: logTail };
  process.stdout.write(`${JSON.stringify(whole)}\n`);
}
