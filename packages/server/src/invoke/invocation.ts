import type { FunctionSpec, InstanceStep, StartPath } from '@hearth/protocol';

/** A synchronous invocation, resolved to one function version. */
export interface Invocation {
  readonly requestId: string;
  readonly spec: FunctionSpec;
  /** The ARN as invoked, qualifier included. */
  readonly invokedArn: string;
  readonly payload: Buffer;
  /** JSON text, decoded from base64. */
  readonly clientContext?: string;
  readonly traceId?: string;
  /** Whether the caller wants the last 4 KB of the log. */
  readonly tail: boolean;
}

/** How an invocation ended. The function's own failure is an outcome, not an exception. */
export interface InvocationOutcome {
  /** The response, or AWS's JSON error document. */
  readonly payload: Buffer;
  /** `Unhandled` where the function failed. */
  readonly functionError?: 'Unhandled';
  /** Base64 of the last 4 KB of the log, where asked for. */
  readonly logTail?: string;
  readonly startPath: StartPath;
}

/** What `GET /_hearth/invocations/ID` shows. Times in milliseconds since `receivedAt`. */
export interface InvocationRecord {
  requestId: string;
  account: string;
  functionName: string;
  version: string;
  sandbox: string;
  instance: string;
  startPath: StartPath;
  instanceStep: InstanceStep;
  fleet: 'push';
  pool: string;
  /** Why this sandbox: in words. */
  reason: string;
  receivedAt: string;
  times: { placed?: number; initialised?: number; started?: number; ended?: number };
  status: 'running' | 'succeeded' | 'failed' | 'timed-out' | 'lost';
}
