import type { FunctionSpec, InstanceStep, StartPath, VersionReason } from '@hearth/protocol';
import type { SandboxCosts } from '../placement/sandbox.ts';
import type { Deferral } from './deferral/terms.ts';
import type { LadderStep } from '../placement/trail.ts';

/** A synchronous invocation, resolved to one function version. */
export interface Invocation {
  readonly requestId: string;
  readonly spec: FunctionSpec;
  /** Why that version. */
  readonly reason: VersionReason;
  /** Told once whether it has failed, when it has ended; never where it could not be run. */
  readonly report?: ((failed: boolean) => void) | undefined;
  /** The ARN as invoked, qualifier included. */
  readonly invokedArn: string;
  readonly payload: Buffer;
  /** JSON text, decoded from base64. */
  readonly clientContext?: string;
  readonly traceId?: string;
  /** Whom it is for, where its function has tenants. */
  readonly tenantId?: string;
  /** Whether the caller wants the last 4 KB of the log. */
  readonly tail: boolean;
  /** Present where it might have waited for a cheaper time: what was decided. */
  readonly deferral?: Deferral;
  /** Who takes a streamed response as it comes; without one it is collected, and bounded like any other. */
  readonly sink?: ResponseSink;
}

/** What is known of a streamed response when its first byte comes. */
export interface ResponseHead {
  /**
   * As the function has set it, fit for a header; `application/octet-stream` where it has not. With
   * protocol's `HTTP_INTEGRATION_RESPONSE` the body begins with a JSON prelude and eight NUL bytes.
   */
  readonly contentType: string;
  readonly startPath: StartPath;
}

/** The other end of a streamed response: what comes from the function. */
export interface ResponseSource {
  /** There is room again, after `write` returned false. May be called at any time and again. */
  resume(): void;
}

/**
 * Takes what a function streams. `begin` is called once, before any `write`, and only where the function streams: the response of an
 * ordinary handler, and the failure of one that has written nothing, is in the outcome alone. `whole` is called where the response is
 * complete, which may be long before the invocation has its outcome. Where the outcome comes without it, the stream was cut off by a failure,
 * which is in the outcome.
 *
 * None of them may throw. A sink whose client has gone away goes on returning true: its invocation is not ended by that.
 */
export interface ResponseSink {
  begin(head: ResponseHead, source: ResponseSource): void;
  /**
   * @param bytes the sink's from now on.
   * @returns false where it has enough: the function is then held back, and nothing more is written until `resume`, except that what
   * has come already (1 MB at most) is written when the response ends.
   */
  write(bytes: Buffer): boolean;
  whole(): void;
}

/** How an invocation ended. The function's own failure is an outcome, not an exception. */
export interface InvocationOutcome {
  /** The response, or AWS's JSON error document; empty where the response was streamed to a sink. */
  readonly payload: Buffer;
  /** As a function that streams has set it, where its response was collected. */
  readonly contentType?: string;
  /** `Unhandled` where the function failed. */
  readonly functionError?: 'Unhandled';
  /** Base64 of the last 4 KB of the log, where asked for. */
  readonly logTail?: string;
  readonly startPath: StartPath;
}

/** How an invocation came to a sandbox, where none was idle. */
export interface ColdStart {
  /** What was tried, in order. */
  readonly ladder: readonly LadderStep[];
  costs: SandboxCosts;
}

/** What `GET /_hearth/invocations/ID` shows. Times in milliseconds since `receivedAt`. */
export interface InvocationRecord {
  requestId: string;
  account: string;
  functionName: string;
  version: string;
  versionReason: VersionReason;
  sandbox: string;
  instance: string;
  /** Null, as sandbox and instance are empty, where it has none, or none yet. */
  startPath: StartPath | null;
  instanceStep: InstanceStep | null;
  fleet: 'push';
  pool: string;
  /** Why this sandbox: in words. */
  reason: string;
  receivedAt: string;
  times: { placed?: number; initialised?: number; started?: number; ended?: number };
  /** What was tried to find a sandbox; the last step is the one that gave it. */
  ladder: readonly LadderStep[];
  costs: SandboxCosts;
  /** Present where the caller said that it is not time-sensitive. */
  deferral?: Deferral;
  /**
   * `throttled` where a limit or a lack of room kept it from running, `deferred` while it waits for a cheaper time,
   * `cancelled` where its caller went away before that.
   */
  status: 'running' | 'deferred' | 'succeeded' | 'failed' | 'timed-out' | 'lost' | 'throttled' | 'cancelled';
  /** Why it did not succeed, in words. */
  error?: string;
}
