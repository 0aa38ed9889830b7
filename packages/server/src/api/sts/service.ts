import { serve } from '../service.ts';
import type { Service } from '../service.ts';
import { STS } from './definition.ts';
import { HANDLERS } from './operations/index.ts';
import type { StsPorts } from './operations/operation.ts';

export function stsService({ sessions, now }: StsPorts): Service {
  return serve(STS, HANDLERS, (caller) => ({ ...caller, sessions, now }));
}
