import type { AnyHandler, Caller } from '../../service.ts';
import { getCallerIdentity } from './get-caller-identity.ts';

/** The operations that are built, by name; any other is answered 501. */
export const HANDLERS: ReadonlyMap<string, AnyHandler<Caller>> = new Map<string, AnyHandler<Caller>>([
  ['GetCallerIdentity', getCallerIdentity],
]);
