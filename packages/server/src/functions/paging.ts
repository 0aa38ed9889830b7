import { ApiError } from '@hearth/protocol';
import { LIMITS } from './limits.ts';

/** How a list is asked for. */
export interface PageRequest {
  readonly marker: string | undefined;
  readonly maxItems: number | undefined;
}

export interface Page<T> {
  readonly items: T[];
  readonly nextMarker: string | undefined;
}

/**
 * One page of a list.
 *
 * @param from makes the items in order: those after the one with this key, or all where it is undefined. The item may be gone.
 * @param keyOf an item, of the characters of function names and `:`.
 * @throws ApiError InvalidParameterValueException for a marker that no page ended with.
 */
export function pageOf<T>(
  { marker, maxItems }: PageRequest,
  from: (after: string | undefined) => Iterable<T>,
  keyOf: (item: T) => string,
): Page<T> {
  const count = Math.min(maxItems ?? LIMITS.page, LIMITS.page);
  const items: T[] = [];
  for (const item of from(marker === undefined ? undefined : readMarker(marker))) {
    if (items.length === count) {
      return { items, nextMarker: Buffer.from(keyOf(items.at(-1)!)).toString('base64url') };
    }
    items.push(item);
  }
  return { items, nextMarker: undefined };
}

function readMarker(marker: string): string {
  const key = Buffer.from(marker, 'base64url').toString();
  if (/^[a-zA-Z0-9-_:$]+$/.test(key)) return key;
  throw new ApiError('InvalidParameterValueException', 'The Marker is not one that a page of this list ended with.');
}
