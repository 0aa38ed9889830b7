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

/**
 * What a function's response means. An object with a `statusCode` says what to send; of anything else a body of JSON
 * with status 200 is inferred.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
 *
 * @returns undefined where it is none that AWS could make anything of, answered 502.
 */
export function readResponse(payload: Buffer): UrlResponse | undefined {
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
  return read(said);
}

/** The content type of what says none of its own. */
const JSON_TYPE = ['content-type', 'application/json'];

function inferred(body: Buffer): UrlResponse {
  return { status: 200, headers: JSON_TYPE, body };
}

/** Members are whatever the function put there. */
interface SaidResponse {
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

function read({
  statusCode,
  headers: saidHeaders,
  cookies,
  body,
  isBase64Encoded,
}: SaidResponse): UrlResponse | undefined {
  // API Gateway, whose format this is, takes digits in a string too.
  const status = typeof statusCode === 'string' && /^\d{3}$/.test(statusCode) ? Number(statusCode) : statusCode;
  if (!isFinalStatus(status)) return undefined;
  const headers: string[] = [];
  const known: Known = { length: undefined, typed: false };
  if (!readHeaders(saidHeaders, headers, known) || !readCookies(cookies, headers)) return undefined;
  if (!known.typed) headers.push(...JSON_TYPE);
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
