import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Credential } from '../credential.ts';
import type { Admission, Identity } from '../identity.ts';
import { canonicalHeaders, canonicalPath, canonicalQuery, normalizePath } from './canonical.ts';
import { decodeChunks } from './chunks.ts';
import type { Claim } from './claim.ts';
import { ALGORITHM } from './claim.ts';
import { hashText } from './hash-text.ts';
import { signatureMismatch } from './mismatch.ts';
import type { Scope } from './scope.ts';
import type { SignedHeaders } from './signed-headers.ts';
import type { SigningKey } from './signing-key.ts';

/** What stands in place of the body's hash where the body is signed in chunks, or not at all. */
const STREAMED = new Map([
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { signed: true, trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { signed: true, trailer: true }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { signed: false, trailer: true }],
]);

export interface SignedRequestParts {
  readonly request: IncomingMessage;
  readonly claim: Claim;
  readonly scope: Scope;
  readonly signedHeaders: SignedHeaders;
  /** Whether a header came more than once. */
  readonly repeated: boolean;
  readonly key: SigningKey;
  readonly identity: Identity;
  /** Whether the service takes a body that nobody signed. */
  readonly unsignedPayload: boolean;
  /** Told of its use once the signature is found right. */
  readonly credential: Credential;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A signed request while its body is still to come. Where the client says the body's hash, the signature is checked
 * before that; where it doesn't, the body is a part of what is signed, and both are checked when it is there.
 */
export class SignedRequest implements Admission {
  readonly identity: Identity;
  readonly #parts: SignedRequestParts;
  readonly #path: string;
  /** Without its question mark. */
  readonly #query: string;
  /** What the client says of its body: a hash, a keyword, or nothing. */
  readonly #payload: string | undefined;

  /** @throws ApiError InvalidSignatureException where the signature is wrong already. */
  constructor(parts: SignedRequestParts) {
    this.#parts = parts;
    this.identity = parts.identity;
    const { request } = parts;
    const url = request.url!;
    const question = url.indexOf('?');
    this.#query = question < 0 ? '' : url.slice(question + 1);
    const path = question < 0 ? url : url.slice(0, question);
    this.#path = normalizePath(path);
    // What was signed is what is served: a dot segment must not mean one thing here and another to whoever routes it.
    if (this.#path !== path) request.url = question < 0 ? this.#path : `${this.#path}?${this.#query}`;
    const header = request.headers['x-amz-content-sha256'] as string | undefined;
    this.#payload = header ?? (parts.claim.presigned ? payloadInQuery(this.#query) : undefined);
    if (this.#payload !== undefined) {
      if (this.#payload.length !== 64) this.#checkKeyword(this.#payload);
      this.#checkSignature(this.#payload);
    }
  }

  checkBody(body: Buffer): Buffer {
    const payload = this.#payload;
    if (payload === undefined) {
      this.#checkSignature(hash('sha256', body));
      return body;
    }
    const streamed = payload.length === 64 ? undefined : STREAMED.get(payload);
    if (streamed !== undefined) return this.#decode(body, streamed);
    if (payload !== 'UNSIGNED-PAYLOAD' && hash('sha256', body) !== payload) {
      throw signatureMismatch(' Hint: the body is not the one whose hash is in X-Amz-Content-Sha256.');
    }
    return body;
  }

  #checkSignature(payloadHash: string): void {
    const { request, claim, scope, signedHeaders, repeated, key, credential, now } = this.#parts;
    const canonical =
      `${request.method}\n${canonicalPath(this.#path)}\n` +
      `${canonicalQuery(this.#query, claim.presigned ? 'X-Amz-Signature' : undefined)}\n` +
      `${canonicalHeaders(request, signedHeaders.names, repeated)}\n${signedHeaders.text}\n${payloadHash}`;
    const digest = hashText(canonical);
    if (!key.verify(`${ALGORITHM}\n${claim.timestamp}\n${scope.text}\n${digest}`, claim.signature)) {
      throw signatureMismatch();
    }
    credential.used(now);
  }

  #checkKeyword(payload: string): void {
    const streamed = STREAMED.get(payload);
    if (streamed?.signed === true) return;
    if (streamed === undefined && payload !== 'UNSIGNED-PAYLOAD') {
      throw signatureMismatch(' Hint: X-Amz-Content-Sha256 is not the hex SHA-256 of a body.');
    }
    if (!this.#parts.unsignedPayload) {
      throw signatureMismatch(" Hint: Lambda doesn't support unsigned payloads: sign the SHA-256 of the body.");
    }
  }

  #decode(body: Buffer, { signed, trailer }: { signed: boolean; trailer: boolean }): Buffer {
    const { request, claim, scope, key } = this.#parts;
    const length = request.headers['x-amz-decoded-content-length'] as string | undefined;
    const names = (request.headers['x-amz-trailer'] as string | undefined) ?? '';
    return decodeChunks(body, {
      signing: signed ? { key, timestamp: claim.timestamp, scope: scope.text, seed: claim.signature } : undefined,
      trailers: trailer
        ? names
            .toLowerCase()
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '')
        : undefined,
      length: length === undefined ? undefined : Number(length),
    });
  }
}

/** Where a presigned URL says what its body is: in its query, where all of its headers go. */
function payloadInQuery(query: string): string | undefined {
  for (const [name, value] of new URLSearchParams(query)) {
    if (name.toLowerCase() === 'x-amz-content-sha256') return value;
  }
  return undefined;
}
