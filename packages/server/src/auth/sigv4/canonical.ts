/**
 * The canonical form of a request, over which Signature Version 4 is computed. Everything here works on the text that
 * node:http gives: one character is one byte (latin1), as it came over the wire.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
 */
import type { IncomingMessage } from 'node:http';

const PLAIN_PATH = /^(?:\/[\w~-][\w.~-]*)+\/?$/;
const PLAIN = /^[\w.~-]*$/;
const SPACES = /\t| {2}|^ | $/;

/**
 * A path without redundant slashes and dot segments (RFC 3986, section 5.2.4). It is this path that was signed, so it
 * is this path that must be served.
 */
export function normalizePath(path: string): string {
  if (PLAIN_PATH.test(path)) return path;
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}${kept.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

/** A normalised path, URI-encoded once more than it came, as all services but S3 want it. */
export function canonicalPath(normalized: string): string {
  return PLAIN_PATH.test(normalized) ? normalized : normalized.split('/').map(encode).join('/');
}

/**
 * The parameters of a query in order, decoded and encoded anew.
 *
 * @param query without its question mark.
 * @param without the name of a parameter to leave out: a presigned URL carries its own signature.
 */
export function canonicalQuery(query: string, without?: string): string {
  if (query === '') return '';
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = recode(equals < 0 ? part : part.slice(0, equals));
    if (name !== without) pairs.push([name, equals < 0 ? '' : recode(part.slice(equals + 1))]);
  }
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** `name:value` of each signed header on a line of its own, values trimmed and with single spaces. */
export function canonicalHeaders(request: IncomingMessage, names: readonly string[], repeated: boolean): string {
  let text = '';
  for (const name of names) {
    const value = repeated ? joined(request.rawHeaders, name) : (request.headers[name] as string | undefined);
    text += `${name}:${value === undefined ? '' : SPACES.test(value) ? collapse(value) : value}\n`;
  }
  return text;
}

/** The values of a header that came several times, in the order in which they came. */
function joined(raw: readonly string[], name: string): string {
  const values: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.toLowerCase() === name) values.push(collapse(raw[index + 1]!));
  }
  return values.join(',');
}

function collapse(value: string): string {
  return value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}

/** Byte order: a shorter one comes before what it begins. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function recode(text: string): string {
  return PLAIN.test(text) ? text : encode(decode(text));
}

/** Percent-encoding undone, and a plus sign read as a space, as whoever uses the parameter reads it. */
function decode(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** AWS's UriEncode: every byte but A-Z, a-z, 0-9, hyphen, period, underscore and tilde becomes %XX. */
function encode(text: string): string {
  if (PLAIN.test(text)) return text;
  // oxlint-disable-next-line no-control-regex -- bytes of any value are to be encoded
  return text.replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
