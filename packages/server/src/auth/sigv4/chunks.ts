import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ApiError } from '@hearth/protocol';
import { hashText } from './hash-text.ts';
import { signatureMismatch } from './mismatch.ts';
import type { SigningKey } from './signing-key.ts';

const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** Characters of a chunk's first line at most: a length in hex, an extension, a signature. */
const LONGEST_LINE = 200;
/** Characters of the trailer at most. */
const LONGEST_TRAILER = 4096;

/** How the chunks of a body are held against their signatures. */
export interface ChunkRules {
  /** Undefined where the chunks carry no signatures. */
  readonly signing: ChunkSigning | undefined;
  /** The names that `x-amz-trailer` announces, in lower case; undefined where there is no trailer. */
  readonly trailers: readonly string[] | undefined;
  /** Bytes that `x-amz-decoded-content-length` announces; undefined where it doesn't. */
  readonly length: number | undefined;
}

export interface ChunkSigning {
  readonly key: SigningKey;
  /** As in the request's own string to sign. */
  readonly timestamp: string;
  readonly scope: string;
  /** The signature of the request's head, on which that of the first chunk builds. */
  readonly seed: string;
}

/**
 * Takes a body in content encoding `aws-chunked` apart, and checks each chunk's signature, the trailer's, and the
 * checksum in the trailer.
 *
 * Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 *
 * @returns the bytes that the client meant to send.
 * @throws ApiError InvalidSignatureException, or MalformedHttpRequestException for what is no such body.
 */
export function decodeChunks(body: Buffer, { signing, trailers, length }: ChunkRules): Buffer {
  const parts: Buffer[] = [];
  let previous = signing?.seed ?? '';
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at, 'latin1');
    if (end < 0 || end - at > LONGEST_LINE) throw malformed('a chunk has no first line');
    const line = body.toString('latin1', at, end);
    const [, digits, signature] = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? [];
    if (digits === undefined) throw malformed('the first line of a chunk is not a length and a signature');
    const size = Number.parseInt(digits, 16);
    const data = body.subarray(end + 2, end + 2 + size);
    if (data.length < size) throw malformed('the last chunk is cut off');
    if (signing !== undefined) {
      const text = `AWS4-HMAC-SHA256-PAYLOAD\n${signing.timestamp}\n${signing.scope}\n${previous}\n${EMPTY_HASH}\n${hash('sha256', data)}`;
      if (signature === undefined || !signing.key.verify(text, signature)) throw signatureMismatch();
      previous = signature;
    }
    at = end + 2 + size;
    if (size === 0) break;
    if (body.toString('latin1', at, at + 2) !== '\r\n') throw malformed('a chunk is longer than its length says');
    at += 2;
    parts.push(data);
  }
  const decoded = Buffer.concat(parts);
  if (length !== undefined && length !== decoded.length) {
    throw malformed(`the chunks hold ${decoded.length} bytes where x-amz-decoded-content-length is ${length}`);
  }
  const rest = body.toString('latin1', at, at + LONGEST_TRAILER + 1);
  if (trailers === undefined) {
    if (rest !== '\r\n') throw malformed('something follows the last chunk');
  } else checkTrailer(rest, decoded, trailers, signing, previous);
  return decoded;
}

function checkTrailer(
  text: string,
  decoded: Buffer,
  names: readonly string[],
  signing: ChunkSigning | undefined,
  previous: string,
): void {
  if (text.length > LONGEST_TRAILER) throw malformed('the trailer is too long');
  const lines = text.split('\r\n').filter((line) => line !== '');
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 0) throw malformed('a line of the trailer is no header');
    fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const signature = fields.get('x-amz-trailer-signature');
  fields.delete('x-amz-trailer-signature');
  if (fields.size !== names.length || !names.every((name) => fields.has(name))) {
    throw malformed('the trailer is not what x-amz-trailer announces');
  }
  if (signing !== undefined) {
    const canonical = [...fields].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}\n`);
    const digest = hashText(canonical.join(''));
    const toSign = `AWS4-HMAC-SHA256-TRAILER\n${signing.timestamp}\n${signing.scope}\n${previous}\n${digest}`;
    if (signature === undefined || !signing.key.verify(toSign, signature)) throw signatureMismatch();
  }
  for (const [name, value] of fields) checkChecksum(name, value, decoded);
}

function checkChecksum(name: string, value: string, decoded: Buffer): void {
  const right = CHECKSUMS[name]?.(decoded);
  if (right === undefined) throw malformed(`the trailer ${name.slice(0, 100)} is none that Hearth can check`);
  if (right !== value) throw malformed(`${name} is not that of the body`);
}

const CHECKSUMS: Readonly<Record<string, (data: Buffer) => string>> = {
  'x-amz-checksum-crc32': (data) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32(data));
    return bytes.toString('base64');
  },
  'x-amz-checksum-sha1': (data) => hash('sha1', data, 'base64'),
  'x-amz-checksum-sha256': (data) => hash('sha256', data, 'base64'),
};

function malformed(why: string): ApiError {
  return new ApiError(
    'MalformedHttpRequestException',
    `The body can't be decoded as aws-chunked: ${why}. Hint: clients of Lambda send the body as it is.`,
  );
}
