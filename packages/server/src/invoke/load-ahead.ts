import { RolloutError } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { InitOutcome } from '../placement/initialiser.ts';
import type { Sandbox } from '../placement/sandbox.ts';
import { errorTypeOf, runtimeFailure } from './exit-error.ts';
import { platformLog } from './platform-log.ts';
import { INIT_TIMEOUT_MS } from './router.ts';

/**
 * How long the init of a provisioned sandbox may take at least
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib).
 */
export const PROVISIONED_INIT_TIMEOUT_MS = 130_000;

/** What is needed of placement. */
export interface SandboxLoader {
  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome>;
  destroy(sandbox: Sandbox, reason: string): void;
}

/**
 * Has a sandbox load its function before anyone invokes it; the function's log says so as for any other init. A function that
 * needs longer than the init phase lasts would be initialised once more inside an invocation, for as long as that may take: here
 * it gets that time at once.
 *
 * Rejects with a {@link RolloutError} where the function is at fault, with another error where its instance was lost; the sandbox
 * has ended then.
 *
 * @param initTimeoutMs how long init may take at least.
 */
export async function loadAhead(
  sandbox: Sandbox,
  loader: SandboxLoader,
  clock: Clock,
  initTimeoutMs = INIT_TIMEOUT_MS,
): Promise<void> {
  const { spec } = sandbox;
  const type = sandbox.keeper?.initializationType ?? 'on-demand';
  const platform = platformLog(spec);
  const phase = 'init';
  const timeoutMs = Math.max(initTimeoutMs, spec.timeoutMs);
  const initialising = loader.initialise(sandbox, timeoutMs);
  write(sandbox, platform.initStart(spec, { phase, type }, clock.wallTime()));
  const outcome = await initialising;
  const failure = failureOf(outcome);
  const { durationMs } = outcome;
  const status = statusOf(outcome);
  write(
    sandbox,
    platform.initEnd({ durationMs, phase, type, status, errorType: failure?.errorType }, clock.wallTime()),
  );
  if (failure === undefined) {
    // The first report of a provisioned sandbox says it, as on AWS.
    if (sandbox.keeper !== undefined) sandbox.initMs = durationMs;
    return;
  }
  loader.destroy(sandbox, 'its init failed');
  throw failure.error;
}

function write(sandbox: Sandbox, text: string): void {
  if (text !== '') sandbox.log?.write(text);
}

function statusOf({ kind }: InitOutcome): 'success' | 'error' | 'timeout' {
  if (kind === 'initialised') return 'success';
  return kind === 'timed-out' ? 'timeout' : 'error';
}

interface Failure {
  readonly errorType: string | undefined;
  readonly error: Error;
}

function failureOf(outcome: InitOutcome): Failure | undefined {
  switch (outcome.kind) {
    case 'initialised':
      return undefined;
    case 'failed': {
      const errorType = errorTypeOf(outcome.document);
      const text = `The function could not be loaded. ${errorType}: ${messageOf(outcome.document)}`;
      return { errorType, error: new RolloutError('FunctionError.RuntimeInitError', text) };
    }
    case 'timed-out': {
      const text = `The function's initialisation took longer than ${outcome.durationMs / 1000} seconds.`;
      return { errorType: undefined, error: new RolloutError('FunctionError.InitTimeout', text) };
    }
    case 'lost': {
      const { exit, reason } = outcome.loss;
      if (exit === null) return { errorType: undefined, error: new Error(reason) };
      const { errorType, message } = runtimeFailure(outcome.loss);
      const code = exit.outOfMemory ? 'FunctionError.InitResourceExhausted' : 'FunctionError.RuntimeInitError';
      return { errorType, error: new RolloutError(code, `The function could not be loaded. ${message}`) };
    }
  }
}

/** Characters of a function's own words that are kept. */
const MAX_MESSAGE = 500;

/** What an error document says, and where in the function's code; a document that a sandbox made need not be one. */
function messageOf(document: Buffer): string {
  try {
    const { errorMessage, trace } = JSON.parse(document.toString('utf8')) as {
      errorMessage?: unknown;
      trace?: unknown;
    };
    if (typeof errorMessage !== 'string') return 'no message';
    return errorMessage.slice(0, MAX_MESSAGE) + placeIn(trace);
  } catch {
    // Not JSON, or not an object: it says nothing.
    return 'no message';
  }
}

/** The first place in the function's own files that a stack names. */
function placeIn(trace: unknown): string {
  if (!Array.isArray(trace)) return '';
  for (const line of trace) {
    const place = typeof line === 'string' ? /\/var\/task\/[^\s()]{1,200}:\d+/.exec(line) : null;
    if (place !== null) return ` (${place[0]})`;
  }
  return '';
}
