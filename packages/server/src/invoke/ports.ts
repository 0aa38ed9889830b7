import type { FunctionSpec, InstanceStep, StartPath, VersionReason } from '@hearth/protocol';
import type { Deferral } from './deferral/terms.ts';
import type { ColdStart, InvocationRecord } from './invocation.ts';

/** Where the records of invocations are kept. */
export interface RecordSink {
  /**
   * A new record, of an invocation that has just come. The router fills it in as the invocation goes on, so readers see
   * it running.
   *
   * @param receivedAtMs milliseconds since the epoch.
   */
  begin(requestId: string, spec: FunctionSpec, reason: VersionReason, receivedAtMs: number): OpenRecord;
  /**
   * An invocation that a limit keeps out. Its record is complete, and takes no other's place: a flood of them must not hide
   * those that run.
   *
   * @param why in words.
   */
  refused(requestId: string, spec: FunctionSpec, reason: VersionReason, receivedAtMs: number, why: string): void;
  /** The record is complete; `milliseconds` is the time from arrival to answer. */
  end(record: OpenRecord, milliseconds: number): void;
}

/** A record that is still being filled in. Steps are whole microseconds since arrival. */
export interface OpenRecord {
  sandbox: string;
  instance: string;
  startPath: StartPath;
  instanceStep: InstanceStep;
  pool: string;
  reason: string;
  status: InvocationRecord['status'];
  /** Present where it found no idle sandbox at once: how it came to one. */
  cold: ColdStart | undefined;
  /** Present where it might have waited for a cheaper time. */
  deferral: Deferral | undefined;
  /** Why it did not succeed, in words; '' where it did, or runs. */
  error: string;
  placedUs: number;
  initialisedUs: number;
  startedUs: number;
  endedUs: number;
}
