import { serve } from '../service.ts';
import type { Caller, Service } from '../service.ts';
import { STS } from './definition.ts';
import { HANDLERS } from './operations/index.ts';

export function stsService(): Service {
  return serve<Caller>(STS, HANDLERS, (caller) => caller);
}
