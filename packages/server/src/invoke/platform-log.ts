import type { FunctionSpec } from '@hearth/protocol';
import type { InitializationType } from '../placement/keeper.ts';
import { jsonPlatformLog } from './platform-json.ts';
import { textPlatformLog } from './platform-text.ts';

/** How an invocation ended. */
export interface Ending {
  readonly durationMs: number;
  readonly status: 'success' | 'error' | 'timeout';
  /** Of an error, where it is known. */
  readonly errorType?: string | undefined;
  /** Present where not the function ended it: it died, timed out or never loaded. What there is to say, or nothing. */
  readonly verdict?: string;
}

/** What else its log tells of it. */
export interface InvocationFacts {
  readonly requestId: string;
  /** Of an init that went before the invocation, and that no other has reported; undefined where there was none. */
  readonly initMs: number | undefined;
  /** Whether the invocation waited for it. */
  readonly initBilled: boolean;
  readonly memoryMb: number;
  readonly maxUsedMb: number;
  /** Bytes of the response. */
  readonly producedBytes: number;
  /** X-Ray's header, where the function is traced. */
  readonly trace: string | undefined;
  /** Whom it was for, where the function has tenants. */
  readonly tenantId: string | undefined;
}

/** What is known of an invocation when it begins. */
export interface InvocationStart extends Pick<InvocationFacts, 'requestId' | 'trace' | 'tenantId'> {
  readonly version: string;
}

/** When an init takes place: in its own phase or inside an invocation; because of one, or ahead of all. */
export interface InitStart {
  readonly phase: 'init' | 'invoke';
  readonly type: InitializationType;
}

/** How it ended. */
export interface InitEnd extends InitStart {
  readonly durationMs: number;
  readonly status: 'success' | 'error' | 'timeout';
  readonly errorType: string | undefined;
}

/**
 * What the platform writes into a function's log, in one of the formats of LoggingConfig. Each method returns whole lines,
 * or nothing where the function's level leaves that out. Times are milliseconds since the epoch.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html,
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
export interface PlatformLog {
  /** A sandbox begins to load the function. */
  initStart(spec: FunctionSpec, init: InitStart, now: number): string;
  initEnd(init: InitEnd, now: number): string;
  start(invocation: InvocationStart, now: number): string;
  end(invocation: InvocationFacts, ending: Ending, now: number): string;
}

/** How this function version is logged: an object that all such versions share. */
export function platformLog(spec: FunctionSpec): PlatformLog {
  return spec.jsonLogs === undefined ? textPlatformLog : jsonPlatformLog(spec.jsonLogs.systemLevel);
}
