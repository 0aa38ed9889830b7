import type { SandboxLoss } from '../placement/sandbox.ts';

/** Signals in the words of Go's syscall package, which is what AWS's messages are made with. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGHUP: 'hangup',
  SIGILL: 'illegal instruction',
  SIGINT: 'interrupt',
  SIGKILL: 'killed',
  SIGPIPE: 'broken pipe',
  SIGQUIT: 'quit',
  SIGSEGV: 'segmentation fault',
  SIGSYS: 'bad system call',
  SIGTERM: 'terminated',
  SIGTRAP: 'trace/breakpoint trap',
};

export interface RuntimeFailure {
  readonly errorType: string;
  /** Without the request id that AWS puts before it. */
  readonly message: string;
}

/**
 * What AWS says of a sandbox that ended while it had work to do: `Runtime.ExitError` with the status or signal, or
 * `Runtime.OutOfMemory` (https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html).
 */
export function runtimeFailure({ exit }: SandboxLoss): RuntimeFailure {
  const errorType = exit?.outOfMemory === true ? 'Runtime.OutOfMemory' : 'Runtime.ExitError';
  if (exit === null || exit.code === 0) return { errorType, message: 'Runtime exited without providing a reason' };
  const how =
    exit.signal === null ? `exit status ${exit.code}` : `signal: ${SIGNALS[exit.signal] ?? exit.signal.toLowerCase()}`;
  return { errorType, message: `Runtime exited with error: ${how}` };
}

/** An error document as the caller of a function sees it. */
export function errorDocument(errorType: string, requestId: string, message: string): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage: `RequestId: ${requestId} Error: ${message}` }));
}

/** The type in an error document; a document that a sandbox made need not be one. */
export function errorTypeOf(document: Buffer): string {
  try {
    const { errorType } = JSON.parse(document.toString('utf8')) as { errorType?: unknown };
    if (typeof errorType === 'string') return errorType.slice(0, 256).replaceAll(/\s/g, ' ');
  } catch {
    // Not JSON, or not an object: it has no type.
  }
  return 'Runtime.Unknown';
}
