import { isUtf8 } from 'node:buffer';
import { ApiError } from '@hearth/protocol';
import { JsonScanner } from './json-scanner.ts';

/**
 * Bytes of an event and of a response that Invoke carries: 6 MB.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("Invocation payload").
 */
export const MAX_PAYLOAD = 6 * 1024 * 1024;

/** Bytes that are scanned before other requests get their turn: about a third of a millisecond. */
const SLICE = 64 * 1024;

/** What a function gets as its event where the caller sends no payload. */
const NO_PAYLOAD = Buffer.from('{}');

/**
 * Checks that a payload is JSON and gives back the event: the very same bytes, for they are only looked at, never
 * rebuilt. Short payloads are checked at once, long ones in slices between which other requests are served.
 *
 * @param next called with the event, or with the error InvalidRequestContentException.
 */
export function checkPayload(payload: Buffer, next: (error: ApiError | undefined, event: Buffer) => void): void {
  if (payload.length === 0) next(undefined, NO_PAYLOAD);
  else if (!isUtf8(payload)) next(invalid('Invalid UTF-8'), payload);
  else scan(payload, new JsonScanner(), 0, next);
}

function scan(
  payload: Buffer,
  scanner: JsonScanner,
  offset: number,
  next: (error: ApiError | undefined, event: Buffer) => void,
): void {
  const end = offset + SLICE;
  if (end < payload.length) {
    scanner.push(payload.subarray(offset, end));
    setImmediate(scan, payload, scanner, end, next);
    return;
  }
  scanner.push(offset === 0 ? payload : payload.subarray(offset));
  next(scanner.end() ? undefined : unexpected(payload, scanner.error!), payload);
}

function unexpected(payload: Buffer, offset: number): ApiError {
  if (offset >= payload.length) return invalid('Unexpected end-of-input');
  // A character may be several bytes long; the scanner stops at its first one.
  const character = payload.toString('utf8', offset, offset + 4).slice(0, 1);
  return invalid(`Unexpected character (${JSON.stringify(character)}) at byte ${offset}`);
}

function invalid(what: string): ApiError {
  return new ApiError(
    'InvalidRequestContentException',
    `Could not parse request body into json: Could not parse payload into json: ${what}`,
  );
}
