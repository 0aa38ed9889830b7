/** The platform's lines in a function's log, as AWS writes them (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html). */

export function startLine(requestId: string, version: string): string {
  return `START RequestId: ${requestId} Version: ${version}\n`;
}

/**
 * END and REPORT in one text.
 *
 * @param initMs of an init that went before the invocation; undefined where there was none. AWS bills it.
 * @param status what AWS appends where the platform ended the invocation: `timeout`, or `error` with its type.
 */
export function endAndReport(
  requestId: string,
  durationMs: number,
  memoryMb: number,
  maxUsedMb: number,
  initMs: number | undefined,
  status: string,
): string {
  const billed = Math.ceil(initMs === undefined ? durationMs : durationMs + initMs);
  const init = initMs === undefined ? '' : `Init Duration: ${initMs.toFixed(2)} ms\t`;
  return (
    `END RequestId: ${requestId}\nREPORT RequestId: ${requestId}\tDuration: ${durationMs.toFixed(2)} ms\t` +
    `Billed Duration: ${billed} ms\tMemory Size: ${memoryMb} MB\tMax Memory Used: ${maxUsedMb} MB\t${init}${status}\n`
  );
}

export const TIMED_OUT = 'Status: timeout';

export function failedWith(errorType: string): string {
  return `Status: error\tError Type: ${errorType}`;
}

/** An init that did not end well, in its own phase or inside an invocation. */
export function initReport(durationMs: number, phase: 'init' | 'invoke', status: string): string {
  return `INIT_REPORT Init Duration: ${durationMs.toFixed(2)} ms\tPhase: ${phase}\t${status}\n`;
}

export function timeoutLine(epochMs: number, requestId: string, timeoutMs: number): string {
  return `${new Date(epochMs).toISOString()} ${requestId} ${timeoutMessage(timeoutMs)}\n\n`;
}

export function timeoutMessage(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}
