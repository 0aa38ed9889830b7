/**
 * P1: our verifier against AWS's own signer: whatever it signs is accepted as it goes over the wire, and nothing that was
 * changed on the way is.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { SignedAuthenticator } from '../signed.ts';
import { CheckingServer, oneKey } from '../testing/checking-server.ts';
import type { Wire } from '../testing/checking-server.ts';
import { referenceSigner } from '../testing/reference-signer.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const PROPERTY = { numRuns: 300 };

let server: CheckingServer;

before(async () => {
  const authenticator = new SignedAuthenticator({
    credentials: [oneKey(KEY.accessKeyId, KEY.secretAccessKey)],
    services: new Set(['lambda', 'logs', 'sts']),
    regions: undefined,
    now: () => NOW,
  });
  server = await CheckingServer.start(authenticator);
});

after(() => server[Symbol.asyncDispose]());

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => value.isWellFormed());
/** Segments as a client writes them into a path: percent-encoded, dots and empty ones among them. */
const segment = fc.oneof(
  text.map(encodeURIComponent),
  fc.constantFrom('', '.', '..', 'a:b', '$LATEST', "it's(1)*!", '%2F'),
);
const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`);
const query = fc.dictionary(
  text.filter((name) => !/^x-amz-/i.test(name) && name !== '__proto__'),
  fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
  { maxKeys: 4 },
);
const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const headerName = fc
  .oneof(
    token.map((name) => `x-amz-${name}`),
    token.map((name) => `x-custom-${name}`),
    fc.constantFrom('content-type', 'accept', 'x-amz-log-type', 'X-Amz-Invocation-Type'),
  )
  .filter((name) => !/^x-amz-(date|content-sha256|security-token|decoded-content-length|trailer)$/i.test(name));
/** Node sends and reads latin1; spaces of all kinds in between. */
const headerValue = fc.stringMatching(/^[!-~]([ \t!-~]{0,20}[!-~])?$/);
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 5 }).filter((all) => {
  const names = Object.keys(all).map((name) => name.toLowerCase());
  return new Set(names).size === names.length;
});
const body = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constant(''));

interface Plain {
  method: string;
  path: string;
  query: Record<string, string | string[]>;
  headers: Record<string, string>;
  body: string;
}

const request: fc.Arbitrary<Plain> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
  path,
  query,
  headers,
  body,
});

const escape = (value: string) =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function urlOf({ path: start, query: parameters }: { path: string; query?: Plain['query'] }): string {
  const pairs = Object.entries(parameters ?? {}).flatMap(([name, value]) =>
    [value].flat().map((one) => `${escape(name)}=${escape(one)}`),
  );
  return pairs.length === 0 ? start : `${start}?${pairs.join('&')}`;
}

interface Signing {
  service: string;
  region: string;
  hashInHeader: boolean;
  presigned: boolean;
}

const signing: fc.Arbitrary<Signing> = fc.record({
  service: fc.constantFrom('lambda', 'logs', 'sts'),
  region: fc.constantFrom('us-east-1', 'eu-central-1', 'us-gov-west-1', 'ap-southeast-2'),
  hashInHeader: fc.boolean(),
  presigned: fc.boolean(),
});

/** Signs as an SDK does, and says what goes over the wire. */
async function sign(plain: Plain, how: Signing): Promise<Wire> {
  const signer = referenceSigner({ ...KEY, ...how });
  const host = `127.0.0.1:${server.port}`;
  const length = Buffer.byteLength(plain.body);
  const toSign = {
    method: plain.method,
    protocol: 'http:',
    hostname: host,
    path: plain.path,
    query: { ...plain.query },
    headers: { ...plain.headers, host },
    ...(plain.body === '' ? {} : { body: plain.body }),
  };
  const signingDate = new Date(NOW);
  const signed = how.presigned
    ? await signer.presign(toSign, { signingDate, expiresIn: 60 })
    : await signer.sign(toSign, { signingDate });
  return {
    method: plain.method,
    url: urlOf({ path: signed.path, query: signed.query as Plain['query'] }),
    headers: { ...signed.headers, 'content-length': String(length) },
    body: plain.body,
  };
}

test('P1: what the SDK signs is accepted, with any path, query, headers, body, region, service, in header or URL', async () => {
  await fc.assert(
    fc.asyncProperty(request, signing, async (plain, how) => {
      const verdict = await server.send(await sign(plain, how));
      assert.equal(verdict.code, undefined, verdict.message ?? '');
      assert.equal(verdict.identity?.account, '123456789012');
      assert.equal(verdict.identity?.region, how.region);
      assert.equal(verdict.identity?.service, how.service);
      assert.equal(verdict.body, Buffer.from(plain.body).toString('latin1'));
      const served = verdict.url.split('?')[0]!;
      assert.ok(!/\/\/|\/\.\.?(\/|$)/.test(served), served);
    }),
    PROPERTY,
  );
});

/** What somebody on the way could do to a request. */
const tampering: fc.Arbitrary<{ name: string; change: (wire: Wire) => Wire }> = fc.oneof(
  fc.constant({
    name: 'method',
    change: (wire: Wire) => ({ ...wire, method: wire.method === 'GET' ? 'POST' : 'GET' }),
  }),
  fc.constant({ name: 'path', change: (wire: Wire) => ({ ...wire, url: wire.url.replace(/(?=\?)|$/, 'x') }) }),
  fc.constant({
    name: 'query',
    change: (wire: Wire) => ({ ...wire, url: `${wire.url}${wire.url.includes('?') ? '&' : '?'}added=1` }),
  }),
  fc.constant({ name: 'body', change: (wire: Wire) => withBody(wire, `${String(wire.body)}x`) }),
  fc.constant({
    name: 'a new header',
    change: (wire: Wire) => ({ ...wire, headers: { ...(wire.headers as object), 'x-amz-added': '1' } }),
  }),
  fc.constant({ name: 'host', change: (wire: Wire) => withHeader(wire, 'host', 'elsewhere.example') }),
  fc.constant({
    name: 'signature',
    change: (wire: Wire): Wire => {
      const flip = (value: string) =>
        value.replace(/(Signature=)([0-9a-f])/, (_, name: string, digit: string) => name + (digit === '0' ? '1' : '0'));
      const { authorization } = wire.headers as Record<string, string>;
      return authorization === undefined
        ? { ...wire, url: flip(wire.url) }
        : withHeader(wire, 'authorization', flip(authorization));
    },
  }),
);

function withHeader(wire: Wire, name: string, value: string): Wire {
  return { ...wire, headers: { ...(wire.headers as Record<string, string>), [name]: value } };
}

function withBody(wire: Wire, changed: string): Wire {
  return { ...withHeader(wire, 'content-length', String(Buffer.byteLength(changed))), body: changed };
}

test('P1: a request that was changed after it was signed is refused, whatever was changed', async () => {
  await fc.assert(
    fc.asyncProperty(request, signing, tampering, async (plain, how, { change }) => {
      const verdict = await server.send(change(await sign(plain, how)));
      assert.equal(verdict.code, 'InvalidSignatureException');
      assert.equal(verdict.status, 403);
    }),
    PROPERTY,
  );
});

test('P1: any text as Authorization and any query is answered with an error of the table', async () => {
  const part = fc.oneof(
    fc.constantFrom('AWS4-HMAC-SHA256', ' ', 'Credential=', 'AKIDEXAMPLE/20260131/us-east-1/lambda/aws4_request', ','),
    fc.constantFrom('SignedHeaders=', 'host', ';', 'Signature=', 'a'.repeat(64), '=', '/'),
    fc.stringMatching(/^[ -~]{0,8}$/),
  );
  const header = fc.array(part, { maxLength: 10 }).map((parts) => `A${parts.join('')}`.trim());
  const parameter = fc.tuple(
    fc.constantFrom('Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature', 'Security-Token'),
    fc.oneof(fc.constantFrom('AWS4-HMAC-SHA256', '20260131T120000Z', 'host', '60', '%zz', ''), fc.webQueryParameters()),
  );
  const url = fc
    .array(parameter, { maxLength: 8 })
    .map((all) => `/?${all.map(([name, value]) => `X-Amz-${name}=${value}`).join('&')}`);
  await fc.assert(
    fc.asyncProperty(fc.option(header, { nil: undefined }), url, async (authorization, target) => {
      const verdict = await server.send({
        method: 'GET',
        url: target,
        headers: {
          host: 'h',
          'x-amz-date': '20260131T120000Z',
          ...(authorization === undefined ? {} : { authorization }),
        },
      });
      assert.match(
        verdict.code ?? 'accepted',
        /^(MissingAuthenticationToken|IncompleteSignature|InvalidSignature|UnrecognizedClient)Exception$/,
      );
      assert.equal(verdict.status, 403);
    }),
    PROPERTY,
  );
});
