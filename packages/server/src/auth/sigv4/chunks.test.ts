/**
 * Bodies that are signed chunk by chunk.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { SignedAuthenticator } from '../signed.ts';
import { CheckingServer, oneKey } from '../testing/checking-server.ts';
import type { Verdict } from '../testing/checking-server.ts';
import { referenceSigner } from '../testing/reference-signer.ts';
import { SigningKey } from './signing-key.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const SCOPE = '20260131/us-east-1/lambda/aws4_request';
const TIMESTAMP = '20260131T120000Z';
const key = new SigningKey(KEY.secretAccessKey, '20260131', 'us-east-1', 'lambda');

let server: CheckingServer;
before(async () => {
  const authenticator = new SignedAuthenticator({
    credentials: [oneKey(KEY.accessKeyId, KEY.secretAccessKey)],
    services: new Set(['lambda']),
    regions: undefined,
    unsignedPayload: new Set(['lambda']),
    now: () => NOW,
  });
  server = await CheckingServer.start(authenticator);
});
after(() => server[Symbol.asyncDispose]());

interface Streamed {
  chunks: readonly string[];
  kind: 'signed' | 'signed-trailer' | 'unsigned-trailer';
  /** Changes the encoded body on the way. */
  change?: (body: string) => string;
  length?: number;
  trailer?: readonly [name: string, value: string];
}

const KEYWORDS = {
  signed: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'signed-trailer': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'unsigned-trailer': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
};

function crc(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(Buffer.from(text, 'latin1')));
  return bytes.toString('base64');
}

/** Sends a body in chunks as a client that signs them does. */
async function send({ chunks, kind, change = (body) => body, length, trailer }: Streamed): Promise<Verdict> {
  const whole = chunks.join('');
  const host = `127.0.0.1:${server.port}`;
  const [name, value] = trailer ?? ['x-amz-checksum-crc32', crc(whole)];
  const trailed = kind !== 'signed';
  const signed = await referenceSigner(KEY).sign(
    {
      method: 'PUT',
      protocol: 'http:',
      hostname: host,
      path: '/f',
      headers: {
        host,
        'content-encoding': 'aws-chunked',
        'x-amz-content-sha256': KEYWORDS[kind],
        'x-amz-decoded-content-length': String(length ?? whole.length),
        ...(trailed ? { 'x-amz-trailer': name } : {}),
      },
    },
    { signingDate: new Date(NOW) },
  );
  const headers = signed.headers as Record<string, string>;
  let previous = /Signature=(\w+)/.exec(headers['authorization']!)![1]!;
  const sign = (text: string) => (previous = key.sign(text));
  let body = '';
  for (const chunk of [...chunks, '']) {
    const digest = hash('sha256', Buffer.from(chunk, 'latin1'));
    const signature = `;chunk-signature=${sign(
      `AWS4-HMAC-SHA256-PAYLOAD\n${TIMESTAMP}\n${SCOPE}\n${previous}\n${hash('sha256', '')}\n${digest}`,
    )}`;
    body += `${chunk.length.toString(16)}${kind === 'unsigned-trailer' ? '' : signature}\r\n${chunk}`;
    if (chunk !== '') body += '\r\n';
  }
  if (trailed) body += `${name}:${value}\r\n`;
  if (kind === 'signed-trailer') {
    const digest = hash('sha256', `${name}:${value}\n`);
    body += `x-amz-trailer-signature:${sign(`AWS4-HMAC-SHA256-TRAILER\n${TIMESTAMP}\n${SCOPE}\n${previous}\n${digest}`)}\r\n`;
  }
  const encoded = Buffer.from(change(`${body}\r\n`), 'latin1');
  return server.send({
    method: 'PUT',
    url: '/f',
    headers: { ...headers, 'content-length': String(encoded.length) },
    body: encoded,
  });
}

const kinds = ['signed', 'signed-trailer', 'unsigned-trailer'] as const;
const chunks = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 50 }), { maxLength: 5 });

test('chunks of any content are put together again, for each kind of stream', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, fc.constantFrom(...kinds), async (parts, kind) => {
      const verdict = await send({ chunks: parts, kind });
      assert.equal(verdict.code, undefined, verdict.message ?? '');
      assert.equal(verdict.body, parts.join(''));
    }),
    { numRuns: 100 },
  );
});

test('whatever byte of a stream is changed, it is refused', async () => {
  const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  await fc.assert(
    fc.asyncProperty(chunks, fc.constantFrom(...kinds), position, async (parts, kind, where) => {
      const change = (body: string) => {
        const at = Math.floor(where * body.length);
        return body.slice(0, at) + String.fromCharCode(body.charCodeAt(at) ^ 1) + body.slice(at + 1);
      };
      const { code } = await send({ chunks: parts, kind, change });
      assert.match(code ?? 'accepted', /^(InvalidSignature|MalformedHttpRequest)Exception$/);
    }),
    { numRuns: 200 },
  );
});

test('chunks that are left out, cut off, or not those that were announced are refused', async () => {
  const parts = ['first', 'second'];
  const cases: [string, Partial<Streamed>, RegExp][] = [
    ['a chunk is missing', { change: (body) => body.slice(body.indexOf('\r\n6;') + 2) }, /signature we calculated/],
    ['the end is missing', { change: (body) => body.slice(0, body.indexOf('\r\n0;') + 2) }, /no first line/],
    ['cut off in a chunk', { change: (body) => body.slice(0, body.indexOf('second') + 3) }, /cut off/],
    ['not what was announced', { length: 12 }, /hold 11 bytes where x-amz-decoded-content-length is 12/],
    ['something follows', { change: (body) => `${body}more` }, /follows the last chunk/],
    ['no chunks at all', { change: () => 'plain' }, /no first line/],
  ];
  for (const [name, change, message] of cases) {
    const verdict = await send({ chunks: parts, kind: 'signed', ...change });
    assert.match(verdict.message ?? 'accepted', message, name);
  }
});

test('the checksum in a trailer is that of the body, or of a kind that is refused', async () => {
  for (const kind of ['signed-trailer', 'unsigned-trailer'] as const) {
    const wrong = await send({ chunks: ['a'], kind, trailer: ['x-amz-checksum-crc32', crc('b')] });
    assert.match(wrong.message ?? 'accepted', /x-amz-checksum-crc32 is not that of the body/);
    const right = await send({
      chunks: ['a'],
      kind,
      trailer: ['x-amz-checksum-sha256', hash('sha256', 'a', 'base64')],
    });
    assert.equal(right.body, 'a');
    const unknown = await send({ chunks: ['a'], kind, trailer: ['x-amz-checksum-crc64nvme', 'x'] });
    assert.equal(unknown.code, 'MalformedHttpRequestException');
  }
});
