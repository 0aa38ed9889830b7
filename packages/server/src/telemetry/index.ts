export { StoredLogs } from './logs/archive.ts';
export { LogStore } from './logs/store.ts';
export { InvocationRecords } from './records/records.ts';
export { Metrics } from './metrics/metrics.ts';
export { createLog } from './log.ts';
