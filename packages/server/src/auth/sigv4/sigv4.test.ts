/**
 * P1: what AWS answers to a signature that is not right, in its words.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 * https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SignedAuthenticator } from '../signed.ts';
import { CheckingServer, oneKey } from '../testing/checking-server.ts';
import type { Verdict, Wire } from '../testing/checking-server.ts';
import { referenceSigner } from '../testing/reference-signer.ts';
import { SigningKey } from './signing-key.ts';

const SIGNED_AT = Date.UTC(2026, 0, 31, 12, 0, 0);
const MINUTE = 60_000;
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const BODY = '{"a":1}';

let server: CheckingServer;
/** The server's clock. */
let now = SIGNED_AT;

before(async () => {
  const authenticator = new SignedAuthenticator({
    credentials: [oneKey(KEY.accessKeyId, KEY.secretAccessKey)],
    services: new Set(['lambda', 'logs']),
    regions: new Set(['us-east-1', 'eu-west-1']),
    now: () => now,
  });
  server = await CheckingServer.start(authenticator);
});

after(() => server[Symbol.asyncDispose]());

interface Signing {
  service?: string;
  region?: string;
  hashInHeader?: boolean;
  headers?: Record<string, string>;
  body?: string;
  /** Seconds; signs the URL. */
  expiresIn?: number;
}

async function sign({ headers = {}, body = BODY, expiresIn, ...how }: Signing = {}): Promise<
  Wire & { headers: Record<string, string> }
> {
  const host = `127.0.0.1:${server.port}`;
  const plain = { method: 'POST', protocol: 'http:', hostname: host, path: '/f', query: {}, body };
  const toSign = { ...plain, headers: { ...headers, host } };
  const signer = referenceSigner({ ...KEY, ...how });
  const signingDate = new Date(SIGNED_AT);
  const signed =
    expiresIn === undefined
      ? await signer.sign(toSign, { signingDate })
      : await signer.presign(toSign, { signingDate, expiresIn });
  const query = new URLSearchParams(signed.query as Record<string, string>).toString();
  return {
    method: 'POST',
    url: query === '' ? '/f' : `/f?${query}`,
    headers: { ...(signed.headers as Record<string, string>), 'content-length': String(Buffer.byteLength(body)) },
    body,
  };
}

function withHeader(wire: Wire, name: string, change: (value: string) => string): Wire {
  const headers = wire.headers as Record<string, string>;
  return { ...wire, headers: { ...headers, [name]: change(headers[name] ?? '') } };
}

function refused(verdict: Verdict, code: string, message: RegExp | string): void {
  assert.equal(verdict.code, code, verdict.message ?? 'it was accepted');
  if (typeof message === 'string') assert.equal(verdict.message, message);
  else assert.match(verdict.message!, message);
  assert.equal(verdict.status, code === 'MalformedHttpRequestException' ? 400 : 403);
}

const MISMATCH = /^The request signature we calculated does not match the signature you provided/;

test('a request is good for five minutes on either side of the clock, and then expired or not yet current', async () => {
  const wire = await sign();
  for (const skew of [0, 5 * MINUTE, -5 * MINUTE]) {
    now = SIGNED_AT + skew;
    assert.equal((await server.send(wire)).code, undefined);
  }
  now = SIGNED_AT + 5 * MINUTE + 1000;
  refused(
    await server.send(wire),
    'InvalidSignatureException',
    'Signature expired: 20260131T120000Z is now earlier than 20260131T120001Z (20260131T120501Z - 5 min.)',
  );
  now = SIGNED_AT - 5 * MINUTE - 1000;
  refused(
    await server.send(wire),
    'InvalidSignatureException',
    'Signature not yet current: 20260131T120000Z is still later than 20260131T115959Z (20260131T115459Z + 5 min.)',
  );
  now = SIGNED_AT;
});

test('a presigned URL is good for as long as it says, a week at most', async () => {
  const week = 7 * 24 * 3600;
  const wire = await sign({ expiresIn: week });
  now = SIGNED_AT + week * 1000;
  assert.equal((await server.send(wire)).code, undefined);
  now += 1000;
  refused(await server.send(wire), 'InvalidSignatureException', /^Signature expired: 20260131T120000Z is now earlier/);
  now = SIGNED_AT + 11_000;
  refused(await server.send(await sign({ expiresIn: 10 })), 'InvalidSignatureException', /- 10 sec\.\)$/);
  now = SIGNED_AT;
  for (const wrong of ['604801', '-1', '1.5', 'x', '']) {
    const url = wire.url.replace('X-Amz-Expires=604800', `X-Amz-Expires=${wrong}`);
    refused(await server.send({ ...wire, url }), 'IncompleteSignatureException', /X-Amz-Expires/);
  }
  const longer = (await sign({ expiresIn: 60 })).url.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000');
  refused(await server.send({ ...wire, url: longer }), 'InvalidSignatureException', MISMATCH);
});

test('a scope of another day, region, service or end is refused before the signature is looked at', async () => {
  const wire = await sign();
  const scoped = (from: string, to: string) => withHeader(wire, 'authorization', (value) => value.replace(from, to));
  const cases: [string, string, string | RegExp][] = [
    [
      '/20260131/',
      '/20260130/',
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260130' != '20260131', from '20260131T120000Z'.",
    ],
    ['/us-east-1/', '/ap-south-1/', "Credential should be scoped to a valid region, not 'ap-south-1'. "],
    ['/us-east-1/', '/US_EAST/', "Credential should be scoped to a valid region, not 'US_EAST'. "],
    ['/lambda/', '/s3/', "Credential should be scoped to correct service: 'lambda' or 'logs'. "],
    ['/aws4_request', '/aws4', "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'."],
    // A scope that is served, and not the one that was signed.
    ['/us-east-1/', '/eu-west-1/', MISMATCH],
    ['/lambda/', '/logs/', MISMATCH],
  ];
  for (const [from, to, message] of cases) {
    refused(await server.send(scoped(from, to)), 'InvalidSignatureException', message);
  }
  refused(
    await server.send(scoped('/lambda/', '/')),
    'IncompleteSignatureException',
    /exactly 5 slash-delimited elements/,
  );
  refused(
    await server.send(scoped('AKIDEXAMPLE', 'AKIDOTHER')),
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
  );
});

test('a token with a key that has none is no token of it', async () => {
  const wire = withHeader(await sign(), 'x-amz-security-token', () => 'token');
  refused(await server.send(wire), 'UnrecognizedClientException', /security token/);
});

test('host and every x-amz header have to be signed', async () => {
  const wire = await sign();
  const without = (name: string) => withHeader(wire, 'authorization', (value) => value.replace(`${name};`, ''));
  refused(
    await server.send(without('host')),
    'InvalidSignatureException',
    "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
  );
  refused(
    await server.send(without('x-amz-content-sha256')),
    'InvalidSignatureException',
    /^'x-amz-content-sha256' must/,
  );
  const added = withHeader(wire, 'X-Amz-Log-Type', () => 'Tail');
  refused(await server.send(added), 'InvalidSignatureException', /^'x-amz-log-type' must be a 'SignedHeader'/);
  const absent = withHeader(wire, 'authorization', (value) => value.replace('host;', 'host;x-absent;'));
  refused(await server.send(absent), 'InvalidSignatureException', MISMATCH);
});

test('a signed header that comes twice is another header', async () => {
  const { method, url, headers, body } = await sign({ headers: { 'x-amz-log-type': 'None' } });
  const list = Object.entries(headers).flat();
  const once: Wire = { method, url, headers: list, ...(body === undefined ? {} : { body }) };
  assert.equal((await server.send(once)).code, undefined);
  const twice = { ...once, headers: [...list, 'x-amz-log-type', 'Tail'] };
  refused(await server.send(twice), 'InvalidSignatureException', MISMATCH);
  const both = await sign({ headers: { 'x-amz-log-type': 'None,Tail' } });
  const apart = Object.entries(both.headers).flatMap(([name, value]) =>
    name === 'x-amz-log-type' ? [name, 'None', name, 'Tail'] : [name, value],
  );
  assert.equal((await server.send({ ...once, headers: apart })).code, undefined);
});

test('an Authorization that is not whole says what it lacks', async () => {
  const wire = await sign();
  const digest = (text: string) => createHash('sha256').update(text).digest('base64');
  const header = (value: string) => withHeader(wire, 'authorization', () => value);
  refused(
    await server.send(header('Bearer x=1')),
    'IncompleteSignatureException',
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
      "Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) " +
      `Authorization=${digest('Bearer x=1')}`,
  );
  refused(
    await server.send(header('AWS4-HMAC-SHA256 Credential')),
    'IncompleteSignatureException',
    /^Invalid key=value pair \(missing equal-sign\)/,
  );
  refused(
    await server.send(header('AWS4-HMAC-SHA1 a=b')),
    'IncompleteSignatureException',
    /Unsupported AWS 'algorithm'/,
  );
  refused(
    await server.send(header('AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=1')),
    'IncompleteSignatureException',
    /Signature Version 4a.*Hint: sign for one region/,
  );
  const { authorization: _, ...unsigned } = wire.headers;
  refused(
    await server.send({ ...wire, headers: unsigned }),
    'MissingAuthenticationTokenException',
    'Missing Authentication Token',
  );
  const { 'x-amz-date': __, ...undated } = wire.headers;
  refused(await server.send({ ...wire, headers: undated }), 'IncompleteSignatureException', /'X-Amz-Date' or a 'Date'/);
  for (const date of ['2026', '20260231T120000Z', '2026-01-31T12:00:00Z']) {
    const verdict = await server.send(withHeader(wire, 'x-amz-date', () => date));
    refused(verdict, 'IncompleteSignatureException', /^Date must be in ISO-8601 'basic format'\. Got '/);
  }
  const twice = { ...wire, url: (await sign({ expiresIn: 60 })).url };
  refused(await server.send(twice), 'IncompleteSignatureException', /Only one auth mechanism/);
  const half = { ...wire, headers: unsigned, url: '/f?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260131T120000Z' };
  refused(
    await server.send(half),
    'IncompleteSignatureException',
    "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include " +
      "'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
  );
});

test('parameters of Authorization may come in any order and without spaces', async () => {
  const turned = withHeader(await sign(), 'authorization', (value) => {
    const [, ...parts] = /^AWS4-HMAC-SHA256 (.*), (.*), (.*)$/.exec(value)!;
    return `AWS4-HMAC-SHA256 ${parts.toReversed().join(',')}`;
  });
  assert.equal((await server.send(turned)).code, undefined);
});

test('a Date header will do where there is no X-Amz-Date', async () => {
  const headers = { host: `127.0.0.1:${server.port}`, date: new Date(SIGNED_AT).toUTCString() };
  const scope = '20260131/us-east-1/lambda/aws4_request';
  const hash = createHash('sha256').update(BODY).digest('hex');
  const canonical = `POST\n/f\n\ndate:${headers.date}\nhost:${headers.host}\n\ndate;host\n${hash}`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key = new SigningKey(KEY.secretAccessKey, '20260131', 'us-east-1', 'lambda');
  const signature = key.sign(`AWS4-HMAC-SHA256\n20260131T120000Z\n${scope}\n${digest}`);
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=date;host, Signature=${signature}`;
  const wire = { method: 'POST', url: '/f', headers: { ...headers, authorization, 'content-length': '7' }, body: BODY };
  assert.equal((await server.send(wire)).code, undefined);
});

test('the signature is checked before the body where the body’s hash is in a header, else with it', async () => {
  const forged = (wire: Wire) =>
    withHeader(wire, 'authorization', (value) => value.replace(/.$/, (c) => (c === '0' ? '1' : '0')));
  const early = await server.send(forged(await sign()));
  refused(early, 'InvalidSignatureException', MISMATCH);
  assert.equal(early.early, true);
  const late = await server.send(forged(await sign({ hashInHeader: false })));
  refused(late, 'InvalidSignatureException', MISMATCH);
  assert.equal(late.early, false);
  const otherBody = { ...(await sign()), body: '{"a":2}' };
  const tampered = await server.send(otherBody);
  refused(tampered, 'InvalidSignatureException', /Hint: the body is not the one/);
  assert.equal(tampered.early, false);
});

// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
test('Lambda does not support unsigned payloads', async () => {
  const unsigned = await sign({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
  refused(await server.send(unsigned), 'InvalidSignatureException', /Lambda doesn't support unsigned payloads/);
  const nonsense = await sign({ headers: { 'x-amz-content-sha256': 'nonsense' } });
  refused(await server.send(nonsense), 'InvalidSignatureException', /is not the hex SHA-256/);
});

test('a service that takes unsigned payloads gets them', async () => {
  const authenticator = new SignedAuthenticator({
    credentials: [oneKey(KEY.accessKeyId, KEY.secretAccessKey)],
    services: new Set(['lambda']),
    regions: undefined,
    unsignedPayload: new Set(['lambda']),
    now: () => now,
  });
  await using lenient = await CheckingServer.start(authenticator);
  const wire = await sign({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
  const host = `127.0.0.1:${server.port}`;
  const verdict = await lenient.send({ ...withHeader(wire, 'host', () => host), body: '{"b":2}' });
  assert.equal(verdict.code, undefined, verdict.message ?? '');
  assert.equal(verdict.body, '{"b":2}');
});

test('a connection from a sandbox acts for its own account or not at all', async () => {
  server.relayAccount = '123456789012';
  assert.equal((await server.send(await sign())).identity?.account, '123456789012');
  server.relayAccount = '999999999999';
  refused(await server.send(await sign()), 'AccessDeniedException', /A function of account 999999999999 can't act for/);
  server.relayAccount = undefined;
});
