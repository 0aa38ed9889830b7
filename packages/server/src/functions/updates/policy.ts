import { ApiError } from '@hearth/protocol';
import { deferralOf } from '../deferral-policy.ts';
import type { Tags } from '../tags.ts';

/** Tags of a function that say how a change of it reaches its invocations, so that every tool for AWS can set them. */
const CONSISTENCY_TAG = 'hearth:consistency';
const CANARY_TAG = 'hearth:canary';

/** How old the code may be that an invocation runs. */
export interface Consistency {
  /** The newest, always: the invocation waits until it can be had, and sees what is wrong with it. */
  readonly immediate: boolean;
  /** A version serves for so long after a newer one has come, at most. */
  readonly maxMs: number;
  /** And so many invocations at most. */
  readonly maxRequests: number;
}

/** A part of the invocations that tries a new version before the others run it. */
export interface CanaryPolicy {
  /** Of the invocations: more than 0, less than 1. */
  readonly share: number;
  /** Of those, how many may fail: 0 up to 1. */
  readonly errors: number;
  /** It ends after so long; Infinity where only `requests` ends it. */
  readonly ms: number;
  /** Or after so many invocations of the new version. */
  readonly requests: number;
}

export const EVENTUAL: Consistency = { immediate: false, maxMs: Infinity, maxRequests: Infinity };

/**
 * Reads `immediate`, or `eventual` with a bound or without: `eventual seconds=5 requests=100`.
 *
 * @param name of the tag or header, for the error.
 * @throws ApiError InvalidParameterValueException
 */
export function readConsistency(text: string, name: string): Consistency {
  const form = 'immediate, or eventual, which may be followed by seconds=NUMBER and requests=NUMBER';
  const [kind, ...rest] = text.trim().split(/\s+/);
  const numbers = readNumbers(rest, ['seconds', 'requests']);
  if (numbers === undefined || !(kind === 'eventual' || (kind === 'immediate' && rest.length === 0))) {
    throw invalid(text, name, form);
  }
  const { seconds = Infinity, requests = Infinity } = numbers;
  return { immediate: kind === 'immediate', maxMs: seconds * 1000, maxRequests: requests };
}

/**
 * Reads `share=10 errors=5 seconds=60 requests=200`: share and errors in percent; one of the last two is enough.
 *
 * @throws ApiError InvalidParameterValueException
 */
export function readCanary(text: string): CanaryPolicy {
  const numbers = readNumbers(text.trim().split(/\s+/), ['share', 'errors', 'seconds', 'requests']) ?? {};
  const { share = 0, errors = 0, seconds = Infinity, requests = Infinity } = numbers;
  const endless = seconds === Infinity && requests === Infinity;
  if (!(share > 0 && share < 100) || errors > 100 || endless || requests === 0) {
    const form = 'share=PERCENT errors=PERCENT, and seconds=NUMBER or requests=NUMBER or both';
    throw invalid(text, CANARY_TAG, form);
  }
  return { share: share / 100, errors: errors / 100, ms: seconds * 1000, requests };
}

export function consistencyOf({ [CONSISTENCY_TAG]: text }: Tags): Consistency {
  return text === undefined ? EVENTUAL : readConsistency(text, CONSISTENCY_TAG);
}

export function canaryOf({ [CANARY_TAG]: text }: Tags): CanaryPolicy | undefined {
  return text === undefined ? undefined : readCanary(text);
}

/** @throws ApiError InvalidParameterValueException where these tags are there and don't say what they should. */
export function checkPolicies(tags: Tags): void {
  consistencyOf(tags);
  canaryOf(tags);
  deferralOf(tags);
}

/** Words of the form `name=number`, each name once at most; undefined for anything else. */
function readNumbers(words: readonly string[], names: readonly string[]): Record<string, number> | undefined {
  const numbers: Record<string, number> = {};
  for (const word of words) {
    const [, name = '', number] = /^([a-z]+)=(\d+(?:\.\d+)?)$/.exec(word) ?? [];
    if (!names.includes(name) || name in numbers) return undefined;
    numbers[name] = Number(number);
  }
  return numbers;
}

function invalid(text: string, name: string, form: string): ApiError {
  return new ApiError(
    'InvalidParameterValueException',
    `The value '${text}' of ${name} is invalid. Valid is: ${form}.`,
  );
}
