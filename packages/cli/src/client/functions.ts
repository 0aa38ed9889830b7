import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import type { Server } from './server.ts';

/** What the commands read of a FunctionConfiguration (Lambda's API reference). */
export interface FunctionConfiguration {
  FunctionName: string;
  FunctionArn: string;
  Runtime?: string;
  Handler?: string;
  CodeSize?: number;
  CodeSha256?: string;
  MemorySize?: number;
  Timeout?: number;
  LastModified?: string;
  State?: string;
  StateReason?: string;
  LastUpdateStatus?: string;
  LastUpdateStatusReason?: string;
  Environment?: { Variables?: Record<string, string> };
}

/** What can be said about a function when it is made or changed. */
export interface FunctionSettings {
  Runtime?: string;
  Role?: string;
  Handler?: string;
  MemorySize?: number;
  Timeout?: number;
  Environment?: { Variables: Record<string, string> };
}

const ROOT = '/2015-03-31/functions';
/** Between the first looks at a function that is being made live, which takes milliseconds for most; and at last. */
const FIRST_POLL_MS = 2;
const POLL_MS = 50;
const LIVE_WITHIN_MS = 120_000;

function pathOf(name: string, rest = ''): string {
  return `${ROOT}/${encodeURIComponent(name)}${rest}`;
}

export async function listFunctions(server: Server): Promise<FunctionConfiguration[]> {
  const all: FunctionConfiguration[] = [];
  let marker: string | undefined;
  do {
    const page = await server.json<{ Functions?: FunctionConfiguration[]; NextMarker?: string | null }>('GET', ROOT, {
      query: { Marker: marker },
    });
    all.push(...(page.Functions ?? []));
    marker = page.NextMarker ?? undefined;
  } while (marker !== undefined && marker !== '');
  return all;
}

/** The function's configuration, or undefined where there is no such function. */
export async function findFunction(server: Server, name: string): Promise<FunctionConfiguration | undefined> {
  try {
    return await server.json('GET', pathOf(name, '/configuration'));
  } catch (error) {
    if (error instanceof CliError && error.code === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

export async function createFunction(
  server: Server,
  name: string,
  zip: Buffer,
  settings: FunctionSettings,
): Promise<FunctionConfiguration> {
  const body = { FunctionName: name, Code: { ZipFile: zip.toString('base64') }, ...settings };
  return await server.json('POST', ROOT, { body });
}

export async function updateCode(server: Server, name: string, zip: Buffer): Promise<FunctionConfiguration> {
  return await server.json('PUT', pathOf(name, '/code'), { body: { ZipFile: zip.toString('base64') } });
}

export async function updateSettings(
  server: Server,
  name: string,
  settings: FunctionSettings,
): Promise<FunctionConfiguration> {
  return await server.json('PUT', pathOf(name, '/configuration'), { body: settings });
}

export async function deleteFunction(server: Server, name: string): Promise<void> {
  await server.request('DELETE', pathOf(name));
}

/**
 * Resolves once all new invocations run what was deployed last.
 *
 * @throws CliError where the function can't be made live, with the server's reason.
 */
export async function untilLive(server: Server, name: string): Promise<FunctionConfiguration> {
  const giveUp = performance.now() + LIVE_WITHIN_MS;
  for (let pause = FIRST_POLL_MS; ; pause = Math.min(POLL_MS, pause * 2)) {
    const found = await server.json<FunctionConfiguration>('GET', pathOf(name, '/configuration'));
    if (found.State === 'Failed') throw new CliError(`${name} failed: ${found.StateReason ?? 'no reason given'}`);
    if (found.LastUpdateStatus === 'Failed') {
      throw new CliError(`The update of ${name} failed: ${found.LastUpdateStatusReason ?? 'no reason given'}`, {
        hint: 'What was deployed before goes on.',
      });
    }
    if ((found.State ?? 'Active') === 'Active' && (found.LastUpdateStatus ?? 'Successful') === 'Successful')
      return found;
    if (performance.now() > giveUp) {
      throw new CliError(`${name} was not live after ${LIVE_WITHIN_MS / 1000} s.`, {
        hint: "It may become so yet:  hearth ls  shows it; the server's log says what it waits for.",
      });
    }
    await sleep(pause);
  }
}

/** One synchronous invocation's answer. */
export interface Invoked {
  payload: Buffer;
  functionError: string | undefined;
  /** Decoded. */
  logTail: string | undefined;
  startPath: string | undefined;
  requestId: string | undefined;
  version: string | undefined;
  milliseconds: number;
}

/** What an invocation is told beside its event. */
export interface InvocationOptions {
  qualifier?: string | undefined;
  log?: boolean;
  /** It may wait for a cheaper time until then: seconds from now, or ISO 8601. */
  runBy?: string | undefined;
  /** `run` or `fail`, where no cheaper time has come. */
  whenDue?: string | undefined;
}

export async function invokeFunction(
  server: Server,
  name: string,
  payload: Buffer,
  options: InvocationOptions = {},
): Promise<Invoked> {
  const start = performance.now();
  const { headers, body } = await server.request('POST', pathOf(name, '/invocations'), {
    body: payload,
    query: { Qualifier: options.qualifier },
    headers: {
      ...(options.log === true && { 'x-amz-log-type': 'Tail' }),
      ...(options.runBy !== undefined && { 'x-hearth-run-by': options.runBy }),
      ...(options.whenDue !== undefined && { 'x-hearth-when-due': options.whenDue }),
    },
  });
  const tail = headers['x-amz-log-result'];
  return {
    payload: body,
    functionError: headers['x-amz-function-error'],
    logTail: tail === undefined ? undefined : Buffer.from(tail, 'base64').toString(),
    startPath: headers['x-hearth-start-path'],
    requestId: headers['x-amzn-requestid'],
    version: headers['x-amz-executed-version'],
    milliseconds: performance.now() - start,
  };
}
