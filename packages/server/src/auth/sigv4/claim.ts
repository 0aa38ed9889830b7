import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { formatTimestamp } from './timestamp.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** AWS's longest life of a presigned URL, in seconds: a week. */
const MAX_EXPIRES = 604_800;

/** What a request says of its own signature, taken apart and not yet believed. */
export interface Claim {
  /** `AKID/date/region/service/aws4_request`. */
  readonly credential: string;
  /** As they stand: names in lower case with semicolons between them. */
  readonly signedHeaders: string;
  /** Lower-case hex. */
  readonly signature: string;
  /** ISO 8601's basic format, as the client wrote it. */
  readonly timestamp: string;
  readonly token: string | undefined;
  /** Seconds that a presigned URL is good for; undefined where the signature is in the header, or the URL doesn't say. */
  readonly expires: number | undefined;
  readonly presigned: boolean;
}

/** The usual form, written by all of AWS's SDKs. */
const USUAL = /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([^,\s]+)$/;

/**
 * Reads the signature of a request from its `Authorization` header or, for a presigned URL, from its query.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
 *
 * @throws ApiError MissingAuthenticationTokenException where there is none, IncompleteSignatureException where it is not
 *   whole.
 */
export function readClaim(request: IncomingMessage): Claim {
  const { authorization } = request.headers;
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const presigned = question >= 0 && /[?&]X-Amz-(?:Algorithm|Credential|Signature)=/.test(url.slice(question));
  if (authorization === undefined) {
    if (presigned) return readQuery(new URLSearchParams(url.slice(question + 1)));
    throw new ApiError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  if (presigned) {
    throw incomplete(
      'Only one auth mechanism allowed: the X-Amz-Algorithm query parameter or the Authorization header.',
    );
  }
  return readHeader(request, authorization);
}

function readHeader(request: IncomingMessage, authorization: string): Claim {
  const [, credential, signedHeaders, signature] = USUAL.exec(authorization) ?? readParameters(authorization);
  const timestamp = timestampOf(request);
  const lacking = [
    credential === undefined && "Authorization header requires 'Credential' parameter.",
    signature === undefined && "Authorization header requires 'Signature' parameter.",
    signedHeaders === undefined && "Authorization header requires 'SignedHeaders' parameter.",
    timestamp === undefined && "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
  ].filter((text) => text !== false);
  if (lacking.length > 0) {
    const digest = hash('sha256', authorization, 'base64');
    throw incomplete(`${lacking.join(' ')} (Hashed with SHA-256 and encoded with Base64) Authorization=${digest}`);
  }
  return {
    credential: credential!,
    signedHeaders: signedHeaders!,
    signature: signature!,
    timestamp: timestamp!,
    token: request.headers['x-amz-security-token'] as string | undefined,
    expires: undefined,
    presigned: false,
  };
}

/** The parameters of a header in any order, in the places where the usual form has them. */
function readParameters(authorization: string): (string | undefined)[] {
  const space = authorization.indexOf(' ');
  const algorithm = space < 0 ? authorization : authorization.slice(0, space);
  checkAlgorithm(algorithm);
  const found = new Map<string, string>();
  for (const part of space < 0 ? [] : authorization.slice(space).split(',')) {
    const text = part.trim();
    if (text === '') continue;
    const equals = text.indexOf('=');
    if (equals < 0) {
      const digest = hash('sha256', authorization, 'base64');
      throw incomplete(
        'Invalid key=value pair (missing equal-sign) in Authorization header ' +
          `(hashed with SHA-256 and encoded with Base64): '${digest}'.`,
      );
    }
    const value = text.slice(equals + 1);
    if (value !== '') found.set(text.slice(0, equals), value);
  }
  return [undefined, found.get('Credential'), found.get('SignedHeaders'), found.get('Signature')];
}

function readQuery(query: URLSearchParams): Claim {
  const given = (name: string): string | undefined => query.get(`X-Amz-${name}`) ?? undefined;
  const needed = ['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date'];
  const lacking = needed.filter((name) => (given(name) ?? '') === '');
  if (lacking.length > 0) {
    const list = lacking.map((name) => `AWS query-string parameters must include 'X-Amz-${name}'.`);
    throw incomplete(`${list.join(' ')} Re-examine the query-string parameters.`);
  }
  checkAlgorithm(given('Algorithm')!);
  const expires = given('Expires');
  if (expires !== undefined && !(/^\d{1,6}$/.test(expires) && Number(expires) <= MAX_EXPIRES)) {
    throw incomplete(
      `X-Amz-Expires must be a number of seconds from 0 to ${MAX_EXPIRES}, which is a week. Got '${expires.slice(0, 100)}'`,
    );
  }
  return {
    credential: given('Credential')!,
    signedHeaders: given('SignedHeaders')!,
    signature: given('Signature')!,
    timestamp: given('Date')!,
    token: given('Security-Token'),
    expires: expires === undefined ? undefined : Number(expires),
    presigned: true,
  };
}

function timestampOf({ headers }: IncomingMessage): string | undefined {
  const amzDate = headers['x-amz-date'] as string | undefined;
  if (amzDate !== undefined || headers.date === undefined) return amzDate;
  // Either format of HTTP (RFC 9110, section 5.6.7), or ISO 8601's.
  const time = Date.parse(headers.date);
  return Number.isFinite(time) ? formatTimestamp(time) : headers.date;
}

function checkAlgorithm(algorithm: string): void {
  if (algorithm === ALGORITHM) return;
  if (algorithm === 'AWS4-ECDSA-P256-SHA256') {
    throw incomplete(
      "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (Signature Version 4a). Hint: sign for one region with " +
        `${ALGORITHM}; Hearth has no service that spans regions.`,
    );
  }
  // Another scheme, as Bearer, lacks all that Signature Version 4 needs, and is answered as AWS does.
  if (algorithm.startsWith('AWS')) throw incomplete(`Unsupported AWS 'algorithm': '${algorithm.slice(0, 50)}'.`);
}

function incomplete(message: string): ApiError {
  return new ApiError('IncompleteSignatureException', message);
}
