import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';

export const HEARTH = fileURLToPath(new URL('../../bin/hearth', import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The environment of a command under test: nothing of who runs the tests. */
export function cleanEnvironment(more: Record<string, string>): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', ...more };
}

/** Starts the command as a person would, through its shim. */
export function startHearth(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(HEARTH, args, { env: cleanEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs the command to its end. */
export async function runHearth(args: string[], env: Record<string, string>, stdin = ''): Promise<Ran> {
  const child = startHearth(args, env);
  child.stdin?.end(stdin);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
  ]);
  return { code, stdout, stderr };
}
