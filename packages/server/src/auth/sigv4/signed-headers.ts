import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';

/** Lists remembered: a client signs the same few headers again and again. */
const REMEMBERED = 1000;
/** A list longer than this is read anew each time. */
const LONGEST = 500;

/** A list of signed headers as a request has it. */
export interface SignedHeaders {
  /** In order. */
  readonly names: readonly string[];
  readonly set: ReadonlySet<string>;
  /** In order, with semicolons. */
  readonly text: string;
}

const known = new Map<string, SignedHeaders>();

/** Reads a list of names with semicolons between them. */
export function readSignedHeaders(text: string): SignedHeaders {
  const found = known.get(text);
  if (found !== undefined) return found;
  const names = text.toLowerCase().split(';').sort();
  const read = { names, set: new Set(names), text: names.join(';') };
  if (text.length <= LONGEST) {
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, read);
  }
  return read;
}

/**
 * Holds the list against the headers that are there: `host` and every `x-amz-*` must be signed, or whoever carries the
 * request could change what it means.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
 *
 * @returns whether any header came more than once.
 * @throws ApiError InvalidSignatureException
 */
export function checkSignedHeaders({ headers, rawHeaders }: IncomingMessage, { set }: SignedHeaders): boolean {
  if (!set.has('host')) throw mustBeSigned("'Host' or ':authority'");
  let count = 0;
  for (const name in headers) {
    count += 1;
    if (name.startsWith('x-amz-') && !set.has(name)) throw mustBeSigned(`'${name.slice(0, 100)}'`);
  }
  return 2 * count !== rawHeaders.length;
}

function mustBeSigned(what: string): ApiError {
  return new ApiError('InvalidSignatureException', `${what} must be a 'SignedHeader' in the AWS Authorization.`);
}
