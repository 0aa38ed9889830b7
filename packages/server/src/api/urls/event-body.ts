import { isUtf8 } from 'node:buffer';
import { ApiError } from '@hearth/protocol';
import { MAX_PAYLOAD } from '../lambda/payload.ts';

/** Bytes that are encoded before other requests get their turn; a multiple of three, so that pieces of base64 fit together. */
const SLICE = 96 * 1024;

/**
 * What AWS hands over as text: `text/*` and these three types; all else is base64, forms and bodies without a type too. AWS's
 * pages say only "if the content type is binary"; which types those are has been observed
 * (https://github.com/ministackorg/ministack/pull/766).
 */
const TEXT = /^\s*(?:text\/[^;]*|application\/(?:json|xml|javascript))\s*(?:;|$)/i;

/** Whether a body goes into the event as text. Bytes that are none can't, whatever they are said to be. */
export function isText(body: Buffer, type: string | undefined, encoding: string | undefined): boolean {
  if (type === undefined || !TEXT.test(type)) return false;
  return (encoding === undefined || encoding === 'identity') && isUtf8(body);
}

/** Whether a body is encoded at once: then it takes no longer than a fraction of a millisecond. */
export function isShort(body: Buffer): boolean {
  return body.length <= SLICE;
}

/** A short body as JSON text. */
export function encodeShort(body: Buffer, text: boolean): string {
  return text ? JSON.stringify(body.toString()) : `"${body.toString('base64')}"`;
}

/**
 * A long body as JSON text in bytes, made in slices between which other requests are served.
 *
 * @param next called with the pieces, or with the error RequestTooLargeException: in the event it may take 6 MB.
 */
export function encodeLong(
  body: Buffer,
  text: boolean,
  next: (error: ApiError | undefined, pieces: readonly Buffer[]) => void,
): void {
  encode({ body, text, pieces: [QUOTE], length: 0 }, 0, next);
}

interface Encoding {
  readonly body: Buffer;
  readonly text: boolean;
  readonly pieces: Buffer[];
  length: number;
}

function encode(state: Encoding, start: number, next: Parameters<typeof encodeLong>[2]): void {
  const { body, text, pieces } = state;
  const end = Math.min(body.length, text ? startOfCharacter(body, start + SLICE) : start + SLICE);
  const piece = text
    ? Buffer.from(JSON.stringify(body.toString('utf8', start, end)).slice(1, -1))
    : Buffer.from(body.toString('base64', start, end), 'latin1');
  pieces.push(piece);
  state.length += piece.length;
  if (state.length > MAX_PAYLOAD) return next(tooLarge(), []);
  if (end < body.length) {
    setImmediate(encode, state, end, next);
    return;
  }
  pieces.push(QUOTE);
  next(undefined, pieces);
}

/** The place of the first byte of the character that the byte at `index` belongs to. */
function startOfCharacter(body: Buffer, index: number): number {
  while (index < body.length && (body[index]! & 0xc0) === 0x80) index -= 1;
  return index;
}

/** AWS's words for an event that is too large. */
export function tooLarge(): ApiError {
  return new ApiError(
    'RequestTooLargeException',
    `Request must be smaller than ${MAX_PAYLOAD} bytes for the InvokeFunction operation`,
  );
}

const QUOTE = Buffer.from('"');
