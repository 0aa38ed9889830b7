import type { FunctionSpec, InstanceStep, StartPath, VersionReason } from '@hearth/protocol';
import type { InvocationRecord } from './invocation.ts';

/** Where the records of invocations are kept. */
export interface RecordSink {
  /**
   * A new record, of an invocation that has just come. The router fills it in as the invocation goes on, so readers see
   * it running.
   *
   * @param receivedAtMs milliseconds since the epoch.
   */
  begin(requestId: string, spec: FunctionSpec, reason: VersionReason, receivedAtMs: number): OpenRecord;
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
  placedUs: number;
  initialisedUs: number;
  startedUs: number;
  endedUs: number;
}
