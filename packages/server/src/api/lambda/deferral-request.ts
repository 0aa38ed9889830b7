import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { LONGEST_WINDOW_MS } from '../../functions/deferral-policy.ts';
import type { DeferralPolicy } from '../../functions/deferral-policy.ts';
import type { DeferralTerms } from '../../invoke/deferral/terms.ts';

const DEFERRABLE = 'x-hearth-deferrable';
const RUN_BY = 'x-hearth-run-by';
const WHEN_DUE = 'x-hearth-when-due';

/** How long it may wait that says it is deferrable, and not until when. Callers' own time-outs are often a minute or longer. */
const DEFAULT_WINDOW_MS = 60_000;

/** Whether a request says anything about this: what all others have to be asked. */
export function speaksOfDeferral(headers: IncomingHttpHeaders): boolean {
  return headers[DEFERRABLE] !== undefined || headers[RUN_BY] !== undefined || headers[WHEN_DUE] !== undefined;
}

/**
 * What a request and the function's tag say together: the request comes first, part by part.
 *
 * @param now ms since the epoch.
 * @returns undefined where it is to be run at once.
 * @throws ApiError InvalidParameterValueException for headers that say nothing of sense.
 */
export function readDeferral(
  headers: IncomingHttpHeaders,
  policy: DeferralPolicy | undefined,
  now: number,
): DeferralTerms | undefined {
  const said = oneOf(headers, DEFERRABLE, ['true', 'false']);
  const whenDue = oneOf(headers, WHEN_DUE, ['run', 'fail']) ?? policy?.whenDue ?? 'run';
  const runBy = readRunBy(headers[RUN_BY] as string | undefined, now);
  if (said === 'false') return undefined;
  if (said === undefined && runBy === undefined && policy === undefined) return undefined;
  return {
    runBy: runBy ?? now + (policy?.windowMs ?? DEFAULT_WINDOW_MS),
    whenDue: whenDue as DeferralTerms['whenDue'],
  };
}

/** Refuses these headers where they can't be followed. @throws ApiError InvalidParameterValueException */
export function refuseDeferral(headers: IncomingHttpHeaders, operation: string): void {
  if (!speaksOfDeferral(headers)) return;
  throw invalid(`${operation} can't be deferred: its caller waits for the first byte. Use Invoke.`);
}

function oneOf(headers: IncomingHttpHeaders, name: string, values: readonly string[]): string | undefined {
  const value = headers[name] as string | undefined;
  if (value !== undefined && !values.includes(value)) {
    throw invalid(`The value '${value}' of ${name} is invalid. Valid is: ${values.join(' or ')}.`);
  }
  return value;
}

/** Seconds from now, or a time with its zone in ISO 8601. */
function readRunBy(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const isSeconds = /^\d{1,6}(\.\d{1,3})?$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isSeconds ? now + Number(text) * 1000 : isTime ? Date.parse(text) : NaN;
  if (Number.isNaN(at) || at - now > LONGEST_WINDOW_MS) {
    throw invalid(
      `The value '${text}' of ${RUN_BY} is invalid. Valid is: seconds from now, or a time like 2026-11-21T18:00:00Z; ` +
        `in ${LONGEST_WINDOW_MS / 3_600_000} hours at the latest.`,
    );
  }
  return at;
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
