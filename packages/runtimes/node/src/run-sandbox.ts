import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { CAUGHT_SIGNALS, type InitMessage, Kind, OWN_ACCORD, statusOfSignal } from '@hearth/protocol';
import { becomeFunction } from './become-function.ts';
import { Connection } from './connection.ts';
import type { LogMethods } from './console.ts';
import { watchForCrashes } from './crash.ts';
import { replaceEnvironment } from './environment.ts';
import { FunctionLog } from './function-log.ts';
import { renewIdentity } from './identity.ts';
import { LogOutput } from './log-output.ts';
import { rehearseLoading } from './rehearsal.ts';
import { Session } from './session.ts';
import { endBySignal } from './signals.ts';
import { StandardStream } from './standard-stream.ts';

export interface SandboxOptions {
  /** A connected stream socket to the server, hello already sent; close-on-exec. */
  fd: number;
  /** Ends the process at once: `_exit(2)`, where Node's own way out would touch threads that a fork doesn't have. */
  exit: (code: number) => never;
  /** Lowers the heap limit to suit a function of this memory size, in MB; absent where options at start have done so. */
  limitMemory?: (memoryMb: number) => void;
  /** Whether there is time to rehearse before the first function comes. */
  spare?: boolean;
  /** Random, for this process alone: {@link SEED_BYTES} of them. */
  seed: Buffer;
  /** Process id inside the sandbox's pid namespace, if `/proc` doesn't tell. */
  pid?: number;
}

/**
 * Takes over a forked process: from here on it serves the server's frames until it dies. Returns at once; the work
 * is done by the event loop.
 */
export function runSandbox(options: SandboxOptions): void {
  renewIdentity(options.seed, options.pid);
  serve(options.fd, options.exit, ({ environment, memoryMb }) => {
    options.limitMemory?.(memoryMb);
    replaceEnvironment(process.env, environment);
  });
  if (options.spare === true) {
    rehearseLoading().catch((error: Error) => {
      writeSync(2, `hearth runtime: ${error.message}\n`);
      options.exit(1);
    });
  }
}

/**
 * Serves the frames on `fd` in this process, whose identity is its own already.
 *
 * @param prepare what the process lacks of the function's, before anything of it is loaded. One that was started for it has it: the
 * function's environment, and what a wrapper has made of that.
 */
export function serve(fd: number, exit: (code: number) => never, prepare?: (message: InitMessage) => void): void {
  const connection = new Connection((onread) => new Socket({ fd, onread }), {
    frame: (kind, stream, payload) => session.frame(kind, stream, payload),
    closed: (error) => {
      // Nothing can be said on a stream that has lost its sense; descriptor 2 is collected apart.
      if (error !== undefined) writeSync(2, `hearth runtime: ${error.message}\n`);
      exit(error === undefined ? 0 : 1);
    },
  });
  const output = new LogOutput(connection);
  const stdout = new StandardStream(1, output);
  const stderr = new StandardStream(2, output);
  replaceStandardStreams(stdout, stderr);
  const log = new FunctionLog(console as unknown as LogMethods, output, [stdout, stderr]);

  (process as unknown as { reallyExit(code: number): never }).reallyExit = (code) => {
    log.flush();
    if (CAUGHT_SIGNALS.includes(code)) connection.sendText(Kind.shutdown, 0, OWN_ACCORD);
    return exit(code);
  };
  endBySignal((signal) => {
    connection.sendText(Kind.shutdown, 0, signal);
    exit(statusOfSignal(signal)!);
  });
  const session = new Session({
    connection,
    output,
    environment: process.env,
    logError: (headline, thrown) => log.error(headline, thrown),
    flush: () => log.flush(),
    init: (message) => {
      log.become(message.runtime, message.environment);
      prepare?.(message);
      return becomeFunction(message);
    },
    exit: (code) => process.exit(code),
    shutdown,
  });
  watchForCrashes(session);
}

/** A function that wants to end in its own way listens for SIGTERM, as on AWS; the server limits how long it may take. */
function shutdown(): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(0);
}

function replaceStandardStreams(stdout: StandardStream, stderr: StandardStream): void {
  Object.defineProperty(process, 'stdout', { configurable: true, enumerable: true, get: () => stdout });
  Object.defineProperty(process, 'stderr', { configurable: true, enumerable: true, get: () => stderr });
  // The console keeps the streams that it used first, which may be those of the process that was forked.
  Object.assign(console, { _stdout: stdout, _stderr: stderr });
}
