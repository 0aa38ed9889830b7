/** How a forked process that has become a sandbox turns into a runtime that is started anew, in the function's own environment. */
import * as fs from 'node:fs';
import { chdir, execve, exitNow, peekFd, pollReadable, writeFd } from '@hearth/linux';
import { HEADER_BYTES, type InitMessage, Kind } from '@hearth/protocol';
import { WRAPPER } from '../sandbox/exec.ts';
import type { ExecOrder } from './orders.ts';
import { RUNTIME, SANDBOX_NODE } from './root.ts';

const TASK_ROOT = '/var/task';

/** As a shell reports a program that isn't there, and one that can't be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

const STDERR = 2;

/** Between two looks at a message that has not come whole. */
const POLL_MS = 1;

/**
 * Waits for the server's first words, which stay on the stream for the runtime to read, takes the function's environment from
 * them, and starts the runtime: by way of the function's AWS_LAMBDA_EXEC_WRAPPER, if it has one. Doesn't return.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
 *
 * @param stream descriptor of the stream to the server; the runtime finds it by HEARTH_FD.
 */
export function startAnew({ options }: ExecOrder, stream: number): never {
  const { environment } = awaitInit(stream);
  // /var/task has been mounted by now; where this process was before, it would not be seen.
  chdir(TASK_ROOT);
  const command = [SANDBOX_NODE, ...options, `${RUNTIME}/exec.mjs`];
  const wrapper = environment[WRAPPER];
  if (wrapper !== undefined && wrapper !== '') {
    const found = fs.statSync(wrapper, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return giveUp(`${WRAPPER}: ${wrapper} does not exist`, NOT_FOUND);
    command.unshift(wrapper);
  }
  const variables = { ...environment, HEARTH_FD: String(stream) };
  const keep = [0, 1, 2, stream];
  try {
    return execve(command[0]!, command, variables, keep);
  } catch (error) {
    const { code } = error as { code?: string };
    // A script that doesn't name its shell: any shell would run it.
    if (code === 'ENOEXEC') return execve('/bin/sh', ['sh', ...command], variables, keep);
    const why = code === 'EACCES' ? 'is not executable' : `can't be run (${code})`;
    return giveUp(`${wrapper === undefined ? '' : `${WRAPPER}: `}${command[0]} ${why}`, NOT_EXECUTABLE);
  }
}

/** The first frame of the stream, without taking it off. */
function awaitInit(stream: number): InitMessage {
  let bytes = Buffer.alloc(64 * 1024);
  for (;;) {
    pollReadable([stream]);
    const there = peekFd(stream, bytes);
    // The server has gone, and with it who would hear of it.
    if (there === 0) exitNow(0);
    if (there >= HEADER_BYTES) {
      const end = HEADER_BYTES + bytes.readUInt32LE(0);
      if (bytes.readUInt32LE(4) !== Kind.init) throw new Error('the server did not begin with init');
      if (there >= end) return JSON.parse(bytes.toString('utf8', HEADER_BYTES, end)) as InitMessage;
      if (bytes.length < end) bytes = Buffer.alloc(end);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

/** Into the function's log; its caller gets a Runtime.ExitError. */
function giveUp(message: string, status: number): never {
  writeFd(STDERR, Buffer.from(`${message}\n`));
  return exitNow(status);
}
