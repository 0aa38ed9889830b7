import type { FunctionSpec, JsonLogs } from '@hearth/protocol';
import type { Ending, InitEnd, InitStart, InvocationFacts, InvocationStart, PlatformLog } from './platform-log.ts';
import { billedMs, runtimeVersion } from './report.ts';

type Level = JsonLogs['systemLevel'];

const LEVELS: readonly Level[] = ['DEBUG', 'INFO', 'WARN'];

/**
 * The JSON format: an object with `time`, `type` and `record` for each event, as subscribers of AWS's Telemetry API get
 * them, from the function's system log level on.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html for the records, and
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html for the level of each.
 */
class JsonPlatformLog implements PlatformLog {
  readonly #least: number;

  constructor(least: Level) {
    this.#least = LEVELS.indexOf(least);
  }

  initStart(spec: FunctionSpec, { phase, type }: InitStart, now: number): string {
    return this.#event('INFO', 'platform.initStart', now, () => ({
      initializationType: type,
      phase,
      runtimeVersion: runtimeVersion(spec.runtime),
      runtimeVersionArn: spec.runtimeVersionArn,
      functionName: spec.functionName,
      functionVersion: spec.version,
      instanceMaxMemory: spec.memoryMb * 1024 * 1024,
    }));
  }

  initEnd({ durationMs, phase, type, status, errorType }: InitEnd, now: number): string {
    const level = status === 'success' ? 'DEBUG' : 'WARN';
    const common = { initializationType: type, phase, status, ...(errorType && { errorType }) };
    return (
      this.#event(level, 'platform.initRuntimeDone', now, () => common) +
      this.#event(level, 'platform.initReport', now, () => ({
        ...common,
        metrics: { durationMs: rounded(durationMs) },
      }))
    );
  }

  start({ requestId, version, trace, tenantId }: InvocationStart, now: number): string {
    return this.#event('INFO', 'platform.start', now, () => ({ requestId, version, ...tracing(trace), tenantId }));
  }

  end(invocation: InvocationFacts, { durationMs, status, errorType }: Ending, now: number): string {
    const { requestId, initMs, initBilled, memoryMb, maxUsedMb, producedBytes, trace, tenantId } = invocation;
    const succeeded = status === 'success';
    const outcome = { requestId, status, ...(errorType && { errorType }), ...tracing(trace), tenantId };
    return (
      this.#event(succeeded ? 'DEBUG' : 'WARN', 'platform.runtimeDone', now, () => ({
        ...outcome,
        metrics: { durationMs: rounded(durationMs), producedBytes },
      })) +
      this.#event(succeeded ? 'INFO' : 'WARN', 'platform.report', now, () => ({
        ...outcome,
        metrics: {
          durationMs: rounded(durationMs),
          billedDurationMs: billedMs(durationMs, initBilled ? initMs : undefined),
          memorySizeMB: memoryMb,
          maxMemoryUsedMB: maxUsedMb,
          ...(initMs === undefined ? undefined : { initDurationMs: rounded(initMs) }),
        },
      }))
    );
  }

  #event(level: Level, type: string, now: number, record: () => object): string {
    if (LEVELS.indexOf(level) < this.#least) return '';
    return `${JSON.stringify({ time: new Date(now).toISOString(), type, record: record() })}\n`;
  }
}

const LOGS: Readonly<Record<Level, PlatformLog>> = {
  DEBUG: new JsonPlatformLog('DEBUG'),
  INFO: new JsonPlatformLog('INFO'),
  WARN: new JsonPlatformLog('WARN'),
};

/** @param least events of this level and above are written. */
export function jsonPlatformLog(least: Level): PlatformLog {
  return LOGS[least];
}

function tracing(trace: string | undefined): object | undefined {
  return trace === undefined ? undefined : { tracing: { type: 'X-Amzn-Trace-Id', value: trace } };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
