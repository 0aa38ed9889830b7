import { serve } from '../service.ts';
import type { Caller, Service } from '../service.ts';
import { LOGS } from './definition.ts';

/** CloudWatch Logs. */
export function logsService(): Service {
  return serve<Caller>(LOGS, new Map(), (caller) => caller);
}
