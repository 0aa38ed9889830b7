import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { DevAuthenticator } from './dev.ts';
import { Sessions } from './sessions.ts';
import { SignedAuthenticator } from './signed.ts';
import { CheckingServer } from './testing/checking-server.ts';
import { referenceSigner } from './testing/reference-signer.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const GRANT = {
  account: '123456789012',
  role: 'arn:aws:iam::123456789012:role/service-role/reader',
  session: 'hello',
  expiresAt: NOW + 60_000,
};

function sessionsOf(secrets: readonly Buffer[], exists: (account: string) => boolean = () => true): Sessions {
  return new Sessions({ secrets: () => secrets, exists });
}

async function ask(
  server: CheckingServer,
  keys: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
) {
  const host = `127.0.0.1:${server.port}`;
  const plain = { method: 'GET', protocol: 'http:', hostname: host, path: '/', headers: { host } };
  const { headers } = await referenceSigner(keys).sign(plain, { signingDate: new Date(NOW) });
  return server.send({ method: 'GET', url: '/', headers });
}

test('P8: session credentials act for their account, with the role and the name of the session', async () => {
  const sessions = sessionsOf([randomBytes(32)]);
  const services = new Set(['lambda']);
  const authenticator = new SignedAuthenticator({
    credentials: [sessions],
    services,
    regions: undefined,
    now: () => NOW,
  });
  await using server = await CheckingServer.start(authenticator);
  const keys = sessions.issue(GRANT);
  assert.match(keys.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.equal(keys.secretAccessKey.length, 40);
  const { identity } = await ask(server, keys);
  assert.equal(identity?.account, GRANT.account);
  assert.equal(identity?.principal.arn, 'arn:aws:sts::123456789012:assumed-role/reader/hello');
  assert.match(identity?.principal.userId ?? '', /^AROA[A-Z2-7]{17}:hello$/);
});

test('P8: no two sessions have anything in common, and nothing of one is good with the other', async () => {
  const sessions = sessionsOf([randomBytes(32)]);
  const authenticator = new SignedAuthenticator({
    credentials: [sessions],
    services: new Set(['lambda']),
    regions: undefined,
    now: () => NOW,
  });
  await using server = await CheckingServer.start(authenticator);
  const [one, two] = [sessions.issue(GRANT), sessions.issue(GRANT)];
  for (const name of ['accessKeyId', 'secretAccessKey', 'sessionToken'] as const) assert.notEqual(one[name], two[name]);
  const invalid = 'UnrecognizedClientException';
  assert.equal((await ask(server, { ...one, sessionToken: two.sessionToken })).code, invalid);
  assert.equal((await ask(server, { ...one, accessKeyId: two.accessKeyId })).code, invalid);
  const { sessionToken: _, ...withoutToken } = one;
  assert.equal((await ask(server, withoutToken)).code, invalid);
  assert.equal((await ask(server, one)).code, undefined);
  // Also once the key is known.
  assert.equal((await ask(server, withoutToken)).code, invalid);
  assert.equal((await ask(server, { ...one, sessionToken: two.sessionToken })).code, invalid);
  assert.equal((await ask(server, { ...one, secretAccessKey: two.secretAccessKey })).code, 'InvalidSignatureException');
});

test('P8: credentials end when they say, and with their account', async () => {
  let now = NOW;
  const accounts = new Set([GRANT.account]);
  const sessions = sessionsOf([randomBytes(32)], (account) => accounts.has(account));
  const authenticator = new SignedAuthenticator({
    credentials: [sessions],
    services: new Set(['lambda']),
    regions: undefined,
    now: () => now,
  });
  await using server = await CheckingServer.start(authenticator);
  const keys = sessions.issue(GRANT);
  now = GRANT.expiresAt - 1;
  assert.equal((await ask(server, keys)).code, undefined);
  now = GRANT.expiresAt;
  const expired = await ask(server, keys);
  assert.equal(expired.code, 'ExpiredTokenException');
  assert.equal(expired.message, 'The security token included in the request is expired');
  assert.equal(expired.status, 403);
  now = NOW;
  accounts.clear();
  assert.equal((await ask(server, keys)).code, 'UnrecognizedClientException');
});

test('a token of before a new master key is good, one of another installation is not', () => {
  const [old, next] = [randomBytes(32), randomBytes(32)];
  const { accessKeyId, sessionToken } = sessionsOf([old]).issue(GRANT);
  assert.notEqual(sessionsOf([next, old]).find(accessKeyId, sessionToken), undefined);
  assert.equal(sessionsOf([next]).find(accessKeyId, sessionToken), undefined);
});

test('no other text is a token, and none throws', () => {
  const sessions = sessionsOf([randomBytes(32)]);
  const { accessKeyId, sessionToken } = sessions.issue(GRANT);
  fc.assert(
    fc.property(fc.nat(sessionToken.length - 1), fc.base64String(), fc.string(), (at, base64, text) => {
      const changed = sessionToken.slice(0, at) + (sessionToken[at] === 'A' ? 'B' : 'A') + sessionToken.slice(at + 1);
      for (const token of [changed, base64, text, `${sessionToken}=`, '', 'A'.repeat(10_000)]) {
        assert.equal(sessions.find(accessKeyId, token), undefined);
      }
    }),
  );
});

test('with --auth dev a function’s credentials mean its account and say its role', () => {
  const sessions = sessionsOf([randomBytes(32)]);
  const { accessKeyId, sessionToken } = sessions.issue(GRANT);
  const headers = {
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260131/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0`,
    'x-amz-security-token': sessionToken,
  };
  const request = (hearthAccount?: string) => ({ headers, url: '/', socket: { hearthAccount } }) as never;
  const auth = new DevAuthenticator(sessions);
  const { identity } = auth.admit(request());
  assert.equal(identity.account, GRANT.account);
  assert.equal(identity.principal.arn, 'arn:aws:sts::123456789012:assumed-role/reader/hello');
  assert.equal(auth.admit(request(GRANT.account)).identity.principal.arn, identity.principal.arn);
  const elsewhere = auth.admit(request('999999999999')).identity;
  assert.deepEqual([elsewhere.account, elsewhere.principal.userId], ['999999999999', '999999999999']);
});
