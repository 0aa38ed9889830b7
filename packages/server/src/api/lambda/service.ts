import type { Functions } from '../../functions/functions.ts';
import { serve } from '../service.ts';
import type { Service } from '../service.ts';
import type { CodeLinks } from './code-link.ts';
import { LAMBDA } from './definition.ts';
import { HANDLERS } from './operations/index.ts';

export interface LambdaPorts {
  readonly functions: Functions;
  readonly links: CodeLinks;
}

/** Lambda, but for Invoke. */
export function lambdaService(ports: LambdaPorts): Service {
  return serve(LAMBDA, HANDLERS, (caller) => ({ ...caller, ...ports }));
}
