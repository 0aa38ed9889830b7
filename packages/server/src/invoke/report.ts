/**
 * What an invocation is billed: its own time and, since August 2025 for all functions, its init's, in whole milliseconds
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib).
 *
 * @param initMs of an init that went before the invocation.
 */
export function billedMs(durationMs: number, initMs: number | undefined): number {
  return Math.ceil(initMs === undefined ? durationMs : durationMs + initMs);
}

export function timeoutMessage(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}

/** The runtime's version in AWS's form: its builds are numbered, Hearth's are all the first. */
export function runtimeVersion(runtime: string): string {
  return `${runtime.replace(/^nodejs(\d+)\.x$/, 'nodejs:$1')}.v1`;
}
