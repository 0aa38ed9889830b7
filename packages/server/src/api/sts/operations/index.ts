import type { AnyHandler } from '../../service.ts';
import { assumeRole } from './assume-role.ts';
import { getCallerIdentity } from './get-caller-identity.ts';
import { getSessionToken } from './get-session-token.ts';
import type { Context } from './operation.ts';

/** The operations that are built, by name; any other is answered 501. */
export const HANDLERS: ReadonlyMap<string, AnyHandler<Context>> = new Map<string, AnyHandler<Context>>([
  ['AssumeRole', assumeRole],
  ['GetCallerIdentity', getCallerIdentity],
  ['GetSessionToken', getSessionToken],
]);
