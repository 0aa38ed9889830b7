import { execFile } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requestBytes, type Target } from './target.ts';

const run = promisify(execFile);

/** What wrk saw. Latencies in microseconds, from sending a request to the last byte of its answer. */
export interface ClosedLoopResult {
  requests: number;
  durationUs: number;
  /** Requests without an answer, or with a status of 400 or more. */
  failed: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  requestsPerSecond: number;
}

/**
 * Closed loop: each of `connections` sends its next request when it has its answer. One wrk thread, in a process of
 * its own.
 *
 * @throws Error if wrk fails or no request at all was answered
 */
export async function closedLoop(target: Target, connections: number, seconds: number): Promise<ClosedLoopResult> {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'hearth-bench-'));
  const body = join(directory.path, 'body');
  await writeFile(body, target.body);
  return await wrk(target, connections, seconds, 'post.lua', [body, ...Object.entries(target.headers).flat()]);
}

/**
 * The same with several targets of one server, whose requests are sent in turn.
 *
 * @throws Error as above
 */
export async function closedLoopOf(
  targets: readonly Target[],
  connections: number,
  seconds: number,
): Promise<ClosedLoopResult> {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'hearth-bench-'));
  const file = join(directory.path, 'requests');
  const parts = targets.map(requestBytes).flatMap((bytes) => [Buffer.from(`${bytes.length}\n`), bytes]);
  await writeFile(file, Buffer.concat(parts));
  return await wrk(targets[0]!, connections, seconds, 'replay.lua', [file]);
}

async function wrk(
  target: Target,
  connections: number,
  seconds: number,
  script: string,
  args: readonly string[],
): Promise<ClosedLoopResult> {
  const { stdout } = await run(
    'wrk',
    [
      '--threads=1',
      `--connections=${connections}`,
      `--duration=${seconds}s`,
      '--timeout=30s',
      `--script=${join(import.meta.dirname, script)}`,
      target.url,
      '--',
      ...args,
    ],
    { timeout: (seconds + 60) * 1000, killSignal: 'SIGKILL' },
  );
  const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Omit<ClosedLoopResult, 'requestsPerSecond'>;
  if (summary.requests - summary.failed <= 0) throw new Error(`${target.name} answered no request:\n${stdout}`);
  return { ...summary, requestsPerSecond: (summary.requests - summary.failed) / (summary.durationUs / 1e6) };
}

/**
 * Makes sure that wrk is there; installs Debian's package where that is possible.
 *
 * @throws Error that says how to install it
 */
export async function ensureWrk(progress: (text: string) => void): Promise<void> {
  if (await present()) return;
  const hint = 'Hint: apt-get install wrk';
  if (process.getuid?.() !== 0) throw new Error(`The benchmark needs the load generator wrk. ${hint}`);
  progress('installing wrk');
  try {
    await run('apt-get', ['update', '-qq']);
    await run('apt-get', ['install', '-y', '-qq', 'wrk'], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  } catch (error) {
    throw new Error(`The load generator wrk could not be installed. ${hint}`, { cause: error });
  }
}

async function present(): Promise<boolean> {
  try {
    await run('wrk', ['--version']);
    return true;
  } catch (error) {
    // wrk says its version and exits with 1.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
