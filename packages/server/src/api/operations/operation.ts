import type { Identity } from '../../auth/identity.ts';
import type { Functions } from '../../functions/functions.ts';
import type { CodeLinks } from '../code-link.ts';

/** What an operation works with. */
export interface Context {
  readonly identity: Identity;
  readonly functions: Functions;
  readonly links: CodeLinks;
  /** As the caller calls this server: name or address, and port. */
  readonly host: string;
  /** Executions that this installation runs at once at most. */
  readonly concurrency: number;
}

/** From an input that has been checked against AWS's model to an output in the SDK's form. */
export type Handler<Input, Output> = (input: Input, context: Context) => Output | Promise<Output>;
