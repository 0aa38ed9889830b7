import { ApiError } from '@hearth/protocol';
import type { Tags } from './tags.ts';

/** Tag of a function whose invocations are not time-sensitive unless they say otherwise, so that every tool for AWS can set it. */
const DEFERRABLE_TAG = 'hearth:deferrable';

/** The longest that an invocation may be made to wait: ms. */
export const LONGEST_WINDOW_MS = 24 * 60 * 60_000;

/** How long a function's invocations may wait for a cheaper time. */
export interface DeferralPolicy {
  /** From the request to its answer: ms. */
  readonly windowMs: number;
  /** Where no cheaper time comes: run it all the same, or not at all. */
  readonly whenDue: 'run' | 'fail';
}

/**
 * Reads `seconds=600`, which may be followed by `when-due=run` or `when-due=fail`.
 *
 * @throws ApiError InvalidParameterValueException where the tag is there and says something else.
 */
export function deferralOf({ [DEFERRABLE_TAG]: text }: Tags): DeferralPolicy | undefined {
  if (text === undefined) return undefined;
  const [, seconds = '', whenDue = 'run'] = /^\s*seconds=(\d{1,6})(?:\s+when-due=(run|fail))?\s*$/.exec(text) ?? [];
  const windowMs = Number(seconds) * 1000;
  if (seconds === '' || windowMs > LONGEST_WINDOW_MS) {
    throw new ApiError(
      'InvalidParameterValueException',
      `The value '${text}' of ${DEFERRABLE_TAG} is invalid. Valid is: seconds=NUMBER up to ${LONGEST_WINDOW_MS / 1000}, ` +
        'which may be followed by when-due=run or when-due=fail.',
    );
  }
  return { windowMs, whenDue: whenDue as DeferralPolicy['whenDue'] };
}
