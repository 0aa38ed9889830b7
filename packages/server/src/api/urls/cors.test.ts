/** https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { InvokeCommand, UpdateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import type { Cors } from '@aws-sdk/client-lambda';
import { ApiServer } from '../testing/api-server.ts';
import { call, createUrl } from './testing/url-server.ts';
import type { Answer } from './testing/url-server.ts';

let server: ApiServer;
let url: URL;
before(async () => {
  server = await ApiServer.start();
  url = await createUrl(server.client(), 'shared');
});
after(() => server[Symbol.asyncDispose]());
afterEach(() => {
  server.invocations.length = 0;
});

const SHOP = 'https://shop.example';

const set = (cors: Cors) =>
  server.client().send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'shared', Cors: cors }));

const preflight = (origin: string, method = 'PUT', names = 'x-a,x-b') =>
  call(server, url, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': names },
  });

/** The headers of the CORS protocol. */
function corsOf({ headers }: Answer): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary'),
  );
}

test('a preflight of an allowed origin is answered without the function, one of a foreign origin allows nothing', async () => {
  await set({
    AllowOrigins: [SHOP, 'http://localhost:60905'],
    AllowMethods: ['GET', 'PUT'],
    AllowHeaders: ['x-a', 'x-b'],
    ExposeHeaders: ['x-c'],
    MaxAge: 300,
  });
  const allowed = await preflight(SHOP);
  assert.equal(allowed.status, 200);
  assert.deepEqual(corsOf(allowed), {
    vary: 'Origin',
    'access-control-allow-origin': SHOP,
    'access-control-allow-methods': 'GET,PUT',
    'access-control-allow-headers': 'x-a,x-b',
    'access-control-max-age': '300',
  });
  assert.match(allowed.headers['x-amzn-requestid'] as string, /^[0-9a-f-]{36}$/);
  const foreign = await preflight('https://evil.example');
  assert.deepEqual([foreign.status, corsOf(foreign)], [200, { vary: 'Origin' }]);
  assert.equal(server.invocations.length, 0);
});

test('answers say who may read them, and the settings go before what the function says', async () => {
  await set({ AllowOrigins: [SHOP], ExposeHeaders: ['x-c', 'x-d'], AllowCredentials: true });
  server.run = async () => ({
    payload: Buffer.from(
      '{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","access-control-max-age":"1","x-c":"c"},"body":"hi"}',
    ),
    startPath: 'warm',
  });
  const read = await call(server, url, { headers: { origin: SHOP } });
  assert.equal(read.text, 'hi');
  assert.equal(read.headers['x-c'], 'c');
  assert.deepEqual(corsOf(read), {
    vary: 'Origin',
    'access-control-allow-origin': SHOP,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'x-c,x-d',
  });
  assert.deepEqual(corsOf(await call(server, url, { headers: { origin: 'https://evil.example' } })), {
    vary: 'Origin',
  });
  assert.deepEqual(corsOf(await call(server, url)), { vary: 'Origin' });
  // An error can be read too.
  server.run = async () => ({ payload: Buffer.from('{}'), functionError: 'Unhandled', startPath: 'warm' });
  const failed = await call(server, url, { headers: { origin: SHOP } });
  assert.deepEqual([failed.status, failed.headers['access-control-allow-origin']], [502, SHOP]);
});

test('any origin is a star, and with credentials its own name, because browsers take no star then', async () => {
  await set({ AllowOrigins: ['*'], AllowMethods: ['*'], AllowHeaders: ['*'] });
  assert.deepEqual(corsOf(await preflight(SHOP)), {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': '*',
    'access-control-allow-headers': '*',
  });
  await set({ AllowOrigins: ['*'], AllowMethods: ['*'], AllowHeaders: ['*'], AllowCredentials: true });
  assert.deepEqual(corsOf(await preflight(SHOP)), {
    vary: 'Origin',
    'access-control-allow-origin': SHOP,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-a,x-b',
  });
});

test('without settings all of it is the function’s', async () => {
  await set({});
  server.run = async () => ({
    payload: Buffer.from('{"statusCode":204,"headers":{"access-control-allow-origin":"https://own.example"}}'),
    startPath: 'warm',
  });
  assert.deepEqual(corsOf(await preflight(SHOP)), { 'access-control-allow-origin': 'https://own.example' });
  assert.equal(server.invocations.length, 1);
});

test('an OPTIONS request that is no preflight invokes the function', async () => {
  await set({ AllowOrigins: [SHOP] });
  await call(server, url, { method: 'OPTIONS', headers: { origin: SHOP } });
  assert.equal(server.invocations.length, 1);
});

test('pages of any site may call a URL, and by way of its names nothing else', async () => {
  await set({});
  const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  assert.equal((await call(server, url, { headers: page })).status, 204);
  const path = `/_hearth/url/${url.hostname.slice(0, 32)}/`;
  assert.equal((await call(server, url, { path, headers: { ...page, host: 'localhost' } })).status, 204);
  // Pages that a URL serves are pages of another site as well.
  const own = [
    { origin: url.origin, 'sec-fetch-site': 'same-site' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of own) {
    for (const target of ['/2015-03-31/functions/', '/_hearth/fleet']) {
      const answer = await call(server, url, {
        path: target,
        headers: { ...headers, host: url.host.slice(url.host.indexOf('localhost')) },
      });
      assert.equal(answer.status, 403, `${target} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal(server.invocations.length, 2);
  await server.client().send(new InvokeCommand({ FunctionName: 'shared' }));
});
