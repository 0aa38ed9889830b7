import { ApiError } from '@hearth/protocol';
import type { SessionIssuer } from '../../ports.ts';
import type { Caller } from '../../service.ts';

export interface StsPorts {
  readonly sessions: SessionIssuer;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What an operation works with. */
export type Context = Caller & StsPorts;

/** From an input that has been checked against AWS's model to an output in the SDK's form. */
export type Handler<Input, Output> = (input: Input, context: Context) => Output;

/**
 * Refuses what would narrow down what a session may do, or ask for more of the caller than a key: a session that may do
 * more than it was asked for is worse than none.
 *
 * @throws ApiError NotImplementedException that names the first of these parameters that the input has.
 */
export function refuseParameters(operation: string, input: object, names: readonly string[]): void {
  const name = names.find((each) => (input as Record<string, unknown>)[each] !== undefined);
  if (name !== undefined) {
    const text = `${name} of ${operation} is not supported by Hearth yet: there are no policies and no MFA devices.`;
    throw new ApiError('NotImplementedException', text);
  }
}
