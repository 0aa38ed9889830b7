import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Target } from './target.ts';

const run = promisify(execFile);

export interface OpenLoopRequest {
  target: Target;
  /** Requests per second. */
  rate: number;
  seconds: number;
}

/** Latencies in microseconds, counted from the moment the request was due. */
export interface OpenLoopResult {
  /** Requests that the rate asked for. */
  due: number;
  answered: number;
  /** Answers with a status other than 200. */
  failed: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  /** Requests that were due while every connection still waited for an answer. */
  queued: number;
  /** Microseconds between due and sent for the others: the generator's own share of the latencies. */
  lateness: { p50: number; p99: number };
}

/**
 * Open loop: a request every 1 / `rate` seconds, whatever the answers do.
 *
 * @throws Error if the target closes a connection or leaves more than 1 % unanswered
 */
export async function openLoop(request: OpenLoopRequest): Promise<OpenLoopResult> {
  // The larger young generation keeps collections, which stall the generator, few.
  const { stdout } = await run(
    process.execPath,
    ['--max-semi-space-size=64', join(import.meta.dirname, 'generator.ts'), JSON.stringify(request)],
    {
      timeout: (request.seconds + 20) * 1000,
      killSignal: 'SIGKILL',
    },
  );
  const result = JSON.parse(stdout) as OpenLoopResult;
  if (result.answered < 0.99 * result.due) {
    throw new Error(`${request.target.name} answered only ${result.answered} of ${result.due} requests`);
  }
  return result;
}
