import type { Logs } from '../../logs/logs.ts';
import { serve } from '../service.ts';
import type { Service } from '../service.ts';
import { LOGS } from './definition.ts';
import { HANDLERS } from './operations/index.ts';

/** CloudWatch Logs. */
export function logsService(logs: Logs): Service {
  return serve(LOGS, HANDLERS, (caller) => ({ ...caller, logs }));
}
