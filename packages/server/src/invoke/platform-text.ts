import type { Ending, InitEnd, InvocationFacts, PlatformLog } from './platform-log.ts';
import { billedMs, runtimeVersion } from './report.ts';
import { traceFields } from './trace.ts';

/** The plain-text format: INIT_START, START, END and REPORT. */
export const textPlatformLog: PlatformLog = {
  initStart(spec, { phase }) {
    // An init inside an invocation goes on in the environment of the one before: AWS announces none.
    if (phase === 'invoke') return '';
    const arn = spec.runtimeVersionArn === undefined ? '' : `\tRuntime Version ARN: ${spec.runtimeVersionArn}`;
    return `INIT_START Runtime Version: ${runtimeVersion(spec.runtime)}${arn}\n`;
  },

  initEnd({ durationMs, phase, status, errorType }: InitEnd) {
    if (status === 'success') return '';
    return `INIT_REPORT Init Duration: ${durationMs.toFixed(2)} ms\tPhase: ${phase}\t${statusText(status, errorType)}\n`;
  },

  start({ requestId, version }) {
    return `START RequestId: ${requestId} Version: ${version}\n`;
  },

  end(
    { requestId, memoryMb, maxUsedMb, initMs, initBilled, trace }: InvocationFacts,
    { durationMs, status, errorType, verdict }: Ending,
    now,
  ) {
    const init = initMs === undefined ? '' : `Init Duration: ${initMs.toFixed(2)} ms\t`;
    const ended =
      `END RequestId: ${requestId}\nREPORT RequestId: ${requestId}\tDuration: ${durationMs.toFixed(2)} ms\t` +
      `Billed Duration: ${billedMs(durationMs, initBilled ? initMs : undefined)} ms\tMemory Size: ${memoryMb} MB\t` +
      `Max Memory Used: ${maxUsedMb} MB\t${init}`;
    if (verdict === undefined) return `${ended}\n${xrayLine(trace)}`;
    const report = `${ended}${statusText(status, errorType)}\n${xrayLine(trace)}`;
    if (verdict === '') return report;
    if (status === 'timeout') return `${new Date(now).toISOString()} ${requestId} ${verdict}\n\n${report}`;
    return `${report}RequestId: ${requestId} Error: ${verdict}\n${errorType}\n`;
  },
};

function statusText(status: 'success' | 'error' | 'timeout', errorType: string | undefined): string {
  return errorType === undefined || status === 'timeout'
    ? `Status: ${status}`
    : `Status: ${status}\tError Type: ${errorType}`;
}

function xrayLine(trace: string | undefined): string {
  if (trace === undefined) return '';
  const { Root, Parent, Sampled } = traceFields(trace);
  return Sampled === '1' ? `XRAY TraceId: ${Root}\tSegmentId: ${Parent}\tSampled: true\t\n` : '';
}
