import type { FunctionSpec } from '@hearth/protocol';

/**
 * Whose instances a function runs on: its account's, or those of the capacity provider that it names, which are the account's too and
 * run nothing else. Everything that looks for an instance, counts them or makes room looks within one home.
 */
export function homeOf({ account, capacityProvider }: Pick<FunctionSpec, 'account' | 'capacityProvider'>): string {
  return capacityProvider ?? account;
}
