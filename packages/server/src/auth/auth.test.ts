import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { ApiError } from '@hearth/protocol';

import { BrowserGuard } from './browser-guard.ts';
import { DevAuthenticator } from './dev.ts';
import { checkAuthMode } from './mode.ts';

function request(headers: Record<string, string>, url = '/', account?: string): IncomingMessage {
  return { headers, url, socket: { hearthAccount: account } } as unknown as IncomingMessage;
}

const signed = (credential: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=abc`,
});

test('an access key id of 12 digits names the account, any other means 000000000000', () => {
  const auth = new DevAuthenticator();
  const one = auth.authenticate(request(signed('123456789012/20260101/eu-west-1/lambda/aws4_request')));
  assert.deepEqual(one, {
    account: '123456789012',
    region: 'eu-west-1',
    key: '123456789012/eu-west-1',
    service: 'lambda',
    principal: { arn: 'arn:aws:iam::123456789012:root', userId: '123456789012' },
  });
  const other = auth.authenticate(request(signed('AKIDEXAMPLE/20260101/eu-west-1/lambda/aws4_request')));
  assert.equal(other.account, '000000000000');
  assert.equal(auth.authenticate(request({})).key, '000000000000/us-east-1');
});

test('the scope of a signature names the service too, and where there is none it is lambda', () => {
  const auth = new DevAuthenticator();
  const logs = auth.authenticate(request(signed('123456789012/20260101/eu-west-1/logs/aws4_request')));
  assert.equal(logs.service, 'logs');
  assert.equal(logs.key, '123456789012/eu-west-1');
  assert.equal(auth.authenticate(request({})).service, 'lambda');
  assert.equal(auth.authenticate(request(signed('A/20260101/eu-west-1/LOGS;/aws4_request'))).service, 'lambda');
});

test('a presigned URL names the account and region too', () => {
  const url = '/x?X-Amz-Credential=123456789012%2F20260101%2Fap-south-1%2Flambda%2Faws4_request&X-Amz-Date=1';
  assert.equal(new DevAuthenticator().authenticate(request({}, url)).key, '123456789012/ap-south-1');
});

test('a malformed credential is nobody in particular, and never part of a key', () => {
  const auth = new DevAuthenticator();
  assert.equal(auth.authenticate(request(signed('1/2/../4/5'))).key, '000000000000/us-east-1');
  assert.equal(auth.authenticate(request({}, '/?X-Amz-Credential=%zz')).key, '000000000000/us-east-1');
  assert.equal(auth.authenticate(request({ authorization: 'Bearer x' })).key, '000000000000/us-east-1');
});

test('a connection from a sandbox acts for its own account whatever its credentials say', () => {
  const auth = new DevAuthenticator();
  const headers = signed('123456789012/20260101/eu-west-1/lambda/aws4_request');
  assert.equal(auth.authenticate(request(headers)).account, '123456789012');
  assert.equal(auth.authenticate(request(headers, '/', '999999999999')).key, '999999999999/eu-west-1');
  assert.equal(auth.authenticate(request(headers)).account, '123456789012');
});

test('the same credentials give the same identity object', () => {
  const auth = new DevAuthenticator();
  const credential = signed('A/20260101/eu-west-1/lambda/aws4_request');
  assert.equal(auth.authenticate(request(credential)), auth.authenticate(request(credential)));
});

test('dev mode, which checks no credentials, serves no address that others can reach', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) checkAuthMode('dev', host);
  for (const host of ['0.0.0.0', '::', '192.168.1.5', '127.0.0.1.evil.example', 'example.org', '']) {
    assert.throws(() => checkAuthMode('dev', host), { hint: /127\.0\.0\.1.*--auth sigv4/ }, host);
    checkAuthMode('sigv4', host);
  }
});

const refused = (error: unknown) =>
  error instanceof ApiError && error.code === 'AccessDeniedException' && /Hint:/.test(error.message);

test('only names of this machine are good as Host', () => {
  const guard = new BrowserGuard('192.168.1.5');
  for (const host of ['localhost:4566', '127.0.0.1', '[::1]:4566', 'a.localhost:1', 'LOCALHOST', '192.168.1.5:80']) {
    guard.check(request({ host }));
  }
  guard.check(request({}));
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:4566',
    'host.docker.internal',
    '',
  ]) {
    assert.throws(() => guard.check(request({ host })), refused, host);
  }
});

test('where requests are signed the server may be called by any name, but not by a page', () => {
  const guard = new BrowserGuard('0.0.0.0', true);
  guard.check(request({ host: 'hearth.example.org' }));
  assert.throws(() => guard.check(request({ host: 'hearth.example.org', origin: 'https://evil.example' })), refused);
});

test('requests that another site makes are refused', () => {
  const guard = new BrowserGuard();
  const host = 'localhost:4566';
  guard.check(request({ host, origin: 'http://localhost:4566', 'sec-fetch-site': 'same-origin' }));
  guard.check(request({ host, 'sec-fetch-site': 'none' }));
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:8080' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    assert.throws(() => guard.check(request({ host, ...headers })), refused, JSON.stringify(headers));
  }
});
