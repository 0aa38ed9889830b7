import type { FunctionSpec, VersionReason } from '@hearth/protocol';
import type { InvocationRecord } from '../../invoke/invocation.ts';
import type { RecordSink } from '../../invoke/ports.ts';
import type { Metrics, Outcome } from '../metrics/metrics.ts';
import { CompactRecord } from './record.ts';
import { RecordRing } from './ring.ts';

/** Those that a limit kept out come in floods, and one of a flood tells what there is to tell of it. */
const REFUSED_KEPT = 10_000;

/** The records of invocations: counted, and the last of them kept for whoever asks why. */
export class InvocationRecords implements RecordSink {
  readonly #metrics: Metrics;
  readonly #accepted = new RecordRing();
  readonly #refused = new RecordRing(REFUSED_KEPT);

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  begin(requestId: string, spec: FunctionSpec, reason: VersionReason, receivedAtMs: number): CompactRecord {
    const record = new CompactRecord(requestId, spec, reason, receivedAtMs);
    this.#accepted.put(record);
    return record;
  }

  refused(requestId: string, spec: FunctionSpec, reason: VersionReason, receivedAtMs: number, why: string): void {
    const record = new CompactRecord(requestId, spec, reason, receivedAtMs);
    record.status = 'throttled';
    record.error = why;
    record.endedUs = 0;
    this.#refused.put(record);
    this.#metrics.countInvocation('throttled', 'none', 0);
  }

  end(record: CompactRecord, milliseconds: number): void {
    const path = record.sandbox === '' ? 'none' : record.startPath;
    this.#metrics.countInvocation(record.status as Outcome, path, milliseconds);
    record.seal();
  }

  /** What is known of an invocation at this moment; undefined where it never came to run, or too long ago. */
  get(requestId: string): InvocationRecord | undefined {
    return (this.#accepted.get(requestId) ?? this.#refused.get(requestId))?.toJSON();
  }
}
