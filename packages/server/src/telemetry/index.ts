export { StoredLogs } from './logs/archive.ts';
export { LogStore } from './logs/store.ts';
export { CompactRecord } from './records/record.ts';
export { RecordRing } from './records/ring.ts';
export { Metrics } from './metrics/metrics.ts';
export type { Outcome } from './metrics/metrics.ts';
export { createLog } from './log.ts';
