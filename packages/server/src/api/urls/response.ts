import { HTTP_INTEGRATION_RESPONSE, PRELUDE_END } from '@hearth/protocol';
import type { InvocationOutcome } from '../../invoke/invocation.ts';

/** What a URL's client is sent. */
export interface UrlResponse {
  readonly status: number;
  /** Names in lower case and values in turn. */
  readonly headers: readonly string[];
  readonly body: Buffer | string;
  /** Bytes of the body by the function's own account, which a client that sent HEAD wants to know. */
  readonly length?: string;
}

/**
 * Of one connection only, or the server's to say. A function that names them means well: frameworks write them for a
 * connection that they imagine.
 */
const LEFT_OUT = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-amzn-requestid',
  'x-amzn-trace-id',
]);

const STATUS_CODE = Buffer.from('"statusCode"');
const BRACE = 0x7b;

/** Bytes of a prelude: more than all headers of an answer that clients take. */
export const MAX_PRELUDE = 128 * 1024;

const NULS = Buffer.alloc(PRELUDE_END);

/** The length of a prelude, with {@link PRELUDE_END} bytes after it. @returns -1 where its end has not come yet. */
export function endOfPrelude(bytes: Buffer): number {
  return bytes.indexOf(NULS);
}

/** What the outcome of an invocation means that did not stream to its client. @returns undefined for what is answered 502. */
export function readOutcome({ payload, contentType, functionError }: InvocationOutcome): UrlResponse | undefined {
  if (functionError !== undefined) return undefined;
  if (contentType === undefined) return readResponse(payload);
  // It streams, and its response has been collected.
  if (contentType !== HTTP_INTEGRATION_RESPONSE) {
    return { status: 200, headers: ['content-type', contentType], body: payload };
  }
  const end = endOfPrelude(payload);
  const head = end < 0 ? undefined : readPrelude(payload.subarray(0, end));
  return head && { ...head, body: payload.subarray(end + PRELUDE_END) };
}

/** The head that `HttpResponseStream.from` was given. @returns undefined where it is none. */
export function readPrelude(bytes: Buffer): Omit<UrlResponse, 'body'> | undefined {
  try {
    const { statusCode = 200, headers, cookies } = JSON.parse(bytes.toString()) as SaidResponse;
    return read({ statusCode, headers, cookies }, 'application/octet-stream');
  } catch {
    // The function's doing, as any other response that is none.
    return undefined;
  }
}

/**
 * What a function's response means. An object with a `statusCode` says what to send; of anything else a body of JSON
 * with status 200 is inferred.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
 *
 * @returns undefined where it is none that AWS could make anything of, answered 502.
 */
function readResponse(payload: Buffer): UrlResponse | undefined {
  // No encoder of JSON escapes letters, so what has a status shows it, and nothing else need be parsed.
  if (payload[0] !== BRACE || !payload.includes(STATUS_CODE)) return inferred(payload);
  let said: SaidResponse;
  try {
    said = JSON.parse(payload.toString()) as SaidResponse;
  } catch {
    // The function's doing: a custom runtime may send any bytes.
    return undefined;
  }
  if (said.statusCode === undefined) return inferred(payload);
  return read(said, 'application/json');
}

function inferred(body: Buffer): UrlResponse {
  return { status: 200, headers: ['content-type', 'application/json'], body };
}

/** Members are whatever the function put there. */
interface SaidResponse {
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

/** @param defaultType the content type of what says none of its own. */
function read(said: SaidResponse, defaultType: string): UrlResponse | undefined {
  const { statusCode, headers: saidHeaders, cookies, body, isBase64Encoded } = said;
  // API Gateway, whose format this is, takes digits in a string too.
  const status = typeof statusCode === 'string' && /^\d{3}$/.test(statusCode) ? Number(statusCode) : statusCode;
  if (!isFinalStatus(status)) return undefined;
  const headers: string[] = [];
  const known: Known = { length: undefined, typed: false };
  if (!readHeaders(saidHeaders, headers, known) || !readCookies(cookies, headers)) return undefined;
  if (!known.typed) headers.push('content-type', defaultType);
  if (typeof (body ?? '') !== 'string') return undefined;
  const text = (body ?? '') as string;
  const length = known.length === undefined ? undefined : { length: known.length };
  return { status, headers, body: isBase64Encoded === true ? Buffer.from(text, 'base64') : text, ...length };
}

/** What headers say that is not only passed on. */
interface Known {
  /** Of the content: decimal digits. */
  length: string | undefined;
  /** Whether a content type is among them. */
  typed: boolean;
}

/** 100 to 199 are said before the answer, not as the answer. */
function isFinalStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599;
}

/** @returns whether they are headers. */
function readHeaders(said: unknown, headers: string[], known: Known): boolean {
  if (said === undefined || said === null) return true;
  if (typeof said !== 'object' || Array.isArray(said)) return false;
  for (const [saidName, value] of Object.entries(said)) {
    if (value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false;
    const name = saidName.toLowerCase();
    if (name === 'content-length' && /^\d{1,15}$/.test(String(value))) known.length = String(value);
    if (LEFT_OUT.has(name)) continue;
    if (name === 'content-type') known.typed = true;
    headers.push(name, wire(String(value)));
  }
  return true;
}

/** @returns whether they are cookies. */
function readCookies(said: unknown, headers: string[]): boolean {
  if (said === undefined || said === null) return true;
  if (!Array.isArray(said)) return false;
  for (const cookie of said as unknown[]) {
    if (typeof cookie !== 'string') return false;
    headers.push('set-cookie', wire(cookie));
  }
  return true;
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** A value as node:http writes it, one character for each byte: what is not ASCII leaves as UTF-8. */
function wire(value: string): string {
  return BEYOND_ASCII.test(value) ? Buffer.from(value).toString('latin1') : value;
}
