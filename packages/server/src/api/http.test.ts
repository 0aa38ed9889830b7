import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { CreateFunctionCommand } from '@aws-sdk/client-lambda';
import type { RelaySocket } from '../auth/relay.ts';
import { ApiServer, zipOf } from './testing/api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

const FUNCTIONS = '/2015-03-31/functions';

/** Bytes in, all bytes of the answer out. */
async function raw(request: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.write(request.replaceAll('\n', '\r\n'));
  return text(socket);
}

test('what belongs to no operation is 404 and says so', async () => {
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/2015-03-31/nothing'],
    ['PATCH', FUNCTIONS],
    ['POST', `${FUNCTIONS}//invocations`],
    ['GET', `${FUNCTIONS}/%zz`],
    ['DELETE', '/2099-01-01/functions/x'],
  ] as const) {
    const answer = await fetch(server.url + path, { method });
    assert.equal(answer.status, 404, `${method} ${path}`);
    assert.equal(answer.headers.get('x-amzn-errortype'), 'UnknownOperationException');
    assert.match(answer.headers.get('x-amzn-requestid')!, /^[0-9a-f-]{36}$/);
  }
});

const put = (body: string) => fetch(`${server.url}${FUNCTIONS}`, { method: 'POST', body });

test('a body that is no JSON object, or has members of the wrong type, is told where', async () => {
  for (const [body, message] of [
    ['{', /is not JSON/],
    ['[]', /not a JSON object/],
    ['{"FunctionName": 1}', /The value of FunctionName is not a string/],
    ['{"Code": {"ZipFile": "!"}}', /The value of Code.ZipFile is not base64/],
    ['{"Environment": {"Variables": {"NAME": 1}}}', /Environment.Variables.NAME is not a string/],
    ['{"Architectures": "x"}', /Architectures is not a list/],
    ['{"Timeout": "3"}', /Timeout is not a number/],
  ] as const) {
    const answer = await put(body);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('x-amzn-errortype'), 'SerializationException', body);
    assert.match(await answer.text(), message);
  }
  const missing = await put('{"FunctionName": null, "__proto__": {"Role": "x"}}');
  assert.match(
    await missing.text(),
    /^\{"Type":"User","message":"3 validation errors detected: Value null at 'functionName'/,
  );
});

test('a body over the limit is refused before it is read', async () => {
  const answer = await raw(
    `POST ${FUNCTIONS} HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 70167212\n\n`,
  );
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /Request must be smaller than 70167211 bytes for the CreateFunction operation/);
});

const request = (headers: string) => raw(`GET /_hearth/version HTTP/1.1\nConnection: close\n${headers}\n\n`);

test('a page in a browser can invoke nothing', async () => {
  assert.match(await request('Host: localhost:4566'), /^HTTP\/1.1 200 /);
  assert.match(
    await request('Host: evil.example'),
    /^HTTP\/1.1 403 [^]*x-amzn-errortype: AccessDeniedException[^]*Hint:/,
  );
  assert.match(await request('Host: localhost\nOrigin: https://evil.example'), /^HTTP\/1.1 403 /);
  assert.match(await request('Host: localhost\nSec-Fetch-Site: cross-site'), /^HTTP\/1.1 403 /);
});

/** What the server does with a connection that a sandbox of this account relays. */
const bind = (socket: RelaySocket) => {
  socket.hearthAccount = '111111111111';
};

test('a request from a sandbox acts for its account only, and gets no operator’s endpoint', async () => {
  const create = async (account: string) =>
    server.client(account).send(
      new CreateFunctionCommand({
        FunctionName: `of-${account}`,
        Role: `arn:aws:iam::${account}:role/r`,
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Code: { ZipFile: await zipOf({ 'index.js': '1' }) },
      }),
    );
  await create('111111111111');
  await create('222222222222');
  server.server.on('connection', bind);
  try {
    const credential = '222222222222/20260101/us-east-1/lambda/aws4_request';
    const get = (path: string) =>
      raw(
        `GET ${path} HTTP/1.1\nHost: 169.254.100.1\nConnection: close\n` +
          `Authorization: AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=x\n\n`,
      );
    const list = await get(`${FUNCTIONS}/`);
    assert.match(list, /of-111111111111/);
    assert.doesNotMatch(list, /of-222222222222/);
    assert.match(await get(`${FUNCTIONS}/of-222222222222`), /^HTTP\/1.1 404 /);
    for (const path of ['fleet', 'metrics', 'logs?function=x', 'invocations/x', 'version']) {
      assert.match(await get(`/_hearth/${path}`), /^HTTP\/1.1 403 /, path);
    }
    assert.match(await get('/_hearth/health'), /^HTTP\/1.1 200 /);
  } finally {
    server.server.off('connection', bind);
  }
});

test('health is 503 until the server is ready', async () => {
  server.ready = false;
  const before_ = await fetch(`${server.url}/_hearth/health`);
  assert.equal(before_.status, 503);
  assert.equal(before_.headers.get('retry-after'), '1');
  server.ready = true;
  const now = await fetch(`${server.url}/_hearth/health`);
  assert.equal(now.status, 200);
  assert.deepEqual(await now.json(), { status: 'ready', version: '1.2.3' });
});

test('fleet, metrics, version and records are served', async () => {
  const get = (path: string) => fetch(`${server.url}/_hearth/${path}`);
  assert.deepEqual(await (await get('fleet')).json(), { instances: [] });
  assert.deepEqual(await (await get('version')).json(), { version: '1.2.3' });
  const metrics = await get('metrics');
  assert.match(metrics.headers.get('content-type')!, /^text\/plain/);
  assert.equal(await metrics.text(), 'hearth_up 1\n');
  server.records.set('id', { requestId: 'id' } as never);
  assert.deepEqual(await (await get('invocations/id')).json(), { requestId: 'id' });
  assert.equal((await get('invocations/other')).status, 404);
  assert.equal((await get('nothing')).status, 404);
  assert.equal((await fetch(`${server.url}/_hearth/fleet`, { method: 'POST' })).status, 404);
});

test('logs are one JSON object a line, also when followed', async () => {
  server.lines.push({ timestamp: 1, message: 'a\nb', requestId: 'r' }, { timestamp: 2, message: 'c' });
  const wanted = '{"timestamp":1,"message":"a\\nb","requestId":"r"}\n{"timestamp":2,"message":"c"}\n';
  for (const query of ['function=x', 'function=x&since=0&follow=1']) {
    const answer = await fetch(`${server.url}/_hearth/logs?${query}`);
    assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
    assert.equal(await answer.text(), wanted);
  }
  for (const query of ['', 'function=x&since=yesterday', 'function=!']) {
    assert.equal((await fetch(`${server.url}/_hearth/logs?${query}`)).status, 400, query);
  }
});
