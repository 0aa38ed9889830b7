export { LogStore } from './logs/store.ts';
export type { LogStoreOptions, ReadOptions } from './logs/store.ts';
export type { LogWriter } from './logs/writer.ts';
export type { Clock, LogEvent } from './logs/event.ts';
export { CompactRecord } from './records/record.ts';
export { RecordRing } from './records/ring.ts';
export { Metrics } from './metrics/metrics.ts';
export type { MetricSources, Outcome } from './metrics/metrics.ts';
export { createLog } from './log.ts';
