import type { Logs } from '../../../logs/logs.ts';
import { groupName } from '../../../logs/arn.ts';
import { ApiError } from '@hearth/protocol';
import type { Caller } from '../../service.ts';

/** What an operation works with. */
export interface Context extends Caller {
  readonly logs: Logs;
}

/** From an input that has been checked against AWS's model to an output in the SDK's form. */
export type Handler<Input, Output> = (input: Input, context: Context) => Promise<Output>;

/**
 * The name of the group that an input names in one of two ways.
 *
 * @throws ApiError InvalidParameterException where it names none or two.
 */
export function groupOf(
  { logGroupName, logGroupIdentifier }: { logGroupName?: string | undefined; logGroupIdentifier?: string | undefined },
  { identity }: Context,
): string {
  if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
    throw new ApiError('InvalidParameterException', 'Give either logGroupName or logGroupIdentifier.');
  }
  return logGroupName ?? groupName(identity, logGroupIdentifier!);
}
