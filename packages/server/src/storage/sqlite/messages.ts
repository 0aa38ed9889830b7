import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionId } from '../../functions/ports.ts';

/** What the store asks of its thread. */
export type Request =
  | { id: number; type: 'all' }
  | { id: number; type: 'put'; record: FunctionRecord }
  | { id: number; type: 'delete'; function: FunctionId }
  | { id: number; type: 'close' };

/** What the thread answers; id 0 once, when the database is open. */
export interface Answer {
  id: number;
  records?: FunctionRecord[];
  error?: string;
}
