import type { IncomingMessage } from 'node:http';
import { malformed, tooManyHeaders } from './malformed.ts';

/** Of one request. AWS's clients send about 15. */
const MAX_HEADERS = 200;

/** What node:http is told to read at most: one more, so that it shows that there were more. */
export const MOST_HEADERS = MAX_HEADERS + 1;

/**
 * Refuses what node:http takes and nobody means.
 *
 * @throws ApiError BadRequestException, RequestHeaderFieldsTooLargeException
 */
export function checkHead({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): void {
  if (rawHeaders.length > 2 * MAX_HEADERS) throw tooManyHeaders();
  // https://www.rfc-editor.org/rfc/rfc9112#section-3.2
  if (headers.host === undefined && httpVersionMinor > 0) throw malformed('it has no header Host');
}
