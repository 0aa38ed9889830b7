import { ApiError } from '@hearth/protocol';
import type { EventKey } from './ports.ts';

/** The token of a page; what is in it is for nobody but this room. */
export function writeToken(content: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

/**
 * What {@link writeToken} made a token of.
 *
 * @param types of each part, as `typeof` says them.
 * @throws ApiError InvalidParameterException for what it never made.
 */
export function readToken(token: string, types: readonly ('string' | 'number')[]): (string | number)[] {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch (cause) {
    throw invalidToken(cause);
  }
  const fits =
    Array.isArray(content) &&
    content.length === types.length &&
    types.every((type, index) => typeof (content as unknown[])[index] === type);
  if (!fits) throw invalidToken();
  return content as (string | number)[];
}

export function invalidToken(cause?: unknown): ApiError {
  return new ApiError('InvalidParameterException', 'The specified nextToken is invalid.', { cause });
}

const WIDTHS = [14, 17, 7] as const;

/** An event's place as digits, all of the same number, so that they compare as the places do. */
export function writeKey({ timestamp, block, index }: EventKey): string {
  return [timestamp, block, index].map((part, at) => String(part).padStart(WIDTHS[at]!, '0')).join('');
}

/** @returns undefined for what is no place. */
export function readKey(digits: string): EventKey | undefined {
  const match = /^(\d{14})(\d{17})(\d{7})$/.exec(digits);
  if (match === null) return undefined;
  return { timestamp: Number(match[1]), block: Number(match[2]), index: Number(match[3]) };
}

/** AWS's have 56 digits; those of one group never come twice and compare as the events' places do. */
export function eventId(key: EventKey): string {
  return `3${writeKey(key).padStart(55, '0')}`;
}
