/** What a client is sent: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import { ApiServer } from '../testing/api-server.ts';
import { call, createUrl } from './testing/url-server.ts';
import type { Answer, Sent } from './testing/url-server.ts';

let server: ApiServer;
let url: URL;
before(async () => {
  server = await ApiServer.start();
  url = await createUrl(server.client(), 'says');
});
after(() => server[Symbol.asyncDispose]());
afterEach(() => {
  assert.deepEqual(server.failures, []);
  server.invocations.length = 0;
});

const MB = 1024 * 1024;

/** What a client gets of a function that returns this. */
function returned(value: unknown, sent?: Sent): Promise<Answer> {
  const payload = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  server.run = async () => ({ payload, startPath: 'warm' });
  return call(server, url, sent);
}

test('what has no statusCode is a body of JSON', async () => {
  for (const value of [
    'Hello, world!',
    { message: 'Hello, world!' },
    null,
    7,
    [{ statusCode: 201 }],
    { a: { statusCode: 201 } },
  ]) {
    const { status, headers, text } = await returned(value);
    assert.equal(status, 200);
    assert.equal(text, JSON.stringify(value));
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['content-length'], String(Buffer.byteLength(text)));
  }
});

test('status, headers, cookies and body are those of the response', async () => {
  const { status, headers, text } = await returned({
    statusCode: 201,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'My-Custom-Header': 'Custom Value',
      Number: 7,
      Bool: true,
      None: null,
    },
    cookies: ['Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT', 'Cookie_2=Välue2; Max-Age=78000'],
    body: '<p>naïve ☃</p>',
    isBase64Encoded: false,
  });
  assert.equal(status, 201);
  assert.equal(text, '<p>naïve ☃</p>');
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(headers['my-custom-header'], 'Custom Value');
  assert.equal(headers['number'], '7');
  assert.equal(headers['bool'], 'true');
  assert.equal('none' in headers, false);
  assert.deepEqual(
    headers['set-cookie']!.map((cookie) => Buffer.from(cookie, 'latin1').toString()),
    ['Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT', 'Cookie_2=Välue2; Max-Age=78000'],
  );
  const { requestId, traceId } = server.invocations[0]!;
  assert.equal(headers['x-amzn-requestid'], requestId);
  assert.equal(headers['x-amzn-trace-id'], traceId);
});

test('a body in base64 is sent as bytes, short and long', async () => {
  for (const length of [1, 255, 20_000, 4 * MB]) {
    const bytes = Buffer.alloc(length, Buffer.from([255, 0, 128, 10]));
    const { body, headers } = await returned({
      statusCode: 200,
      body: bytes.toString('base64'),
      isBase64Encoded: true,
    });
    assert.ok(body.equals(bytes), `${length} bytes`);
    assert.equal(headers['content-length'], String(length));
    assert.equal(headers['content-type'], 'application/json', 'unless the function says otherwise');
  }
});

test('a body of nearly 6 MB arrives, as text and as JSON', async () => {
  const long = '☃'.repeat(2 * MB - 100);
  assert.equal((await returned({ statusCode: 200, body: long })).text, long);
  assert.equal((await returned(long)).text, JSON.stringify(long));
});

test('HEAD gets the head of the answer, with the length that the function names', async () => {
  const named = await returned({ statusCode: 200, headers: { 'Content-Length': '12' }, body: '' }, { method: 'HEAD' });
  assert.equal(JSON.parse(server.invocations[0]!.payload.toString()).requestContext.http.method, 'HEAD');
  assert.equal(named.headers['content-length'], '12');
  const counted = await returned({ statusCode: 200, body: 'twelve bytes' }, { method: 'HEAD' });
  assert.equal(counted.headers['content-length'], '12');
  assert.equal(counted.text, '');
  // To anyone else the length is that of what is sent.
  const { text } = await returned({ statusCode: 200, headers: { 'content-length': '3' }, body: 'twelve bytes' });
  assert.equal(text, 'twelve bytes');
});

test('204 and 304 have no body, and nothing that belongs to a connection is the function’s to say', async () => {
  for (const statusCode of [204, 304]) {
    const { status, headers, text } = await returned({ statusCode, body: 'ignored' });
    assert.equal(status, statusCode);
    assert.equal(text, '');
    assert.equal(headers['content-length'], undefined);
  }
  const { headers, text } = await returned({
    statusCode: 200,
    headers: {
      Connection: 'close',
      'Transfer-Encoding': 'chunked',
      'X-Amzn-RequestId': 'made up',
      Date: 'Thu, 01 Jan 1970 00:00:00 GMT',
    },
    body: 'x',
  });
  assert.equal(text, 'x');
  assert.equal(headers['transfer-encoding'], undefined);
  assert.notEqual(headers['x-amzn-requestid'], 'made up');
  assert.equal(headers.date, 'Thu, 01 Jan 1970 00:00:00 GMT');
});

test('a response that is none is 502', async () => {
  for (const value of [
    { statusCode: 'OK' },
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: 600 },
    { statusCode: 200.5 },
    { statusCode: null },
    { statusCode: 200, body: { a: 1 } },
    { statusCode: 200, body: 7 },
    { statusCode: 200, headers: ['a'] },
    { statusCode: 200, headers: 'a' },
    { statusCode: 200, headers: { a: ['b'] } },
    { statusCode: 200, headers: { 'a b': 'c' } },
    { statusCode: 200, headers: { a: 'b\r\nset-cookie: c=d' } },
    { statusCode: 200, cookies: 'a=b' },
    { statusCode: 200, cookies: [1] },
    Buffer.from('{"statusCode": 200'),
  ]) {
    const { status, text, headers } = await returned(value);
    assert.equal(status, 502, JSON.stringify(value));
    assert.equal(text, 'Internal Server Error');
    assert.equal(headers['set-cookie'], undefined);
    assert.match(headers['x-amzn-requestid'] as string, /^[0-9a-f-]{36}$/);
  }
  assert.equal((await returned({ statusCode: '201' })).status, 201, 'digits in a string are a status to API Gateway');
});

test('a function’s failure is 502 and says no more', async () => {
  const payload = Buffer.from('{"errorType":"Error","errorMessage":"secret","trace":[]}');
  server.run = async () => ({ payload, functionError: 'Unhandled', startPath: 'warm' });
  const { status, text } = await call(server, url);
  assert.deepEqual([status, text], [502, 'Internal Server Error']);
});

test('throttling is 429, and a server that stops 503', async () => {
  const throttled = new ApiError('TooManyRequestsException', 'Rate Exceeded.', {
    reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
  });
  server.run = () => Promise.reject(throttled);
  const { status, text, headers } = await call(server, url);
  assert.equal(status, 429);
  assert.equal(headers['x-amzn-errortype'], 'TooManyRequestsException');
  assert.equal(JSON.parse(text).Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
  server.run = () => Promise.reject(new ApiError('ServiceUnavailableException', 'stopping', { retryAfterSeconds: 1 }));
  const stopping = await call(server, url);
  assert.equal(stopping.status, 503);
  assert.equal(stopping.headers['retry-after'], '1');
});

test('what goes wrong in Hearth is logged and not told', async () => {
  server.run = () => Promise.reject(new Error('a path of ours'));
  const { status, text } = await call(server, url);
  assert.equal(status, 500);
  assert.doesNotMatch(text, /path of ours/);
  assert.equal(server.failures.length, 1);
  server.failures.length = 0;
});

test('an invocation goes on when its client has gone, and its output is dropped', async () => {
  const begun = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let ended = false;
  server.run = async () => {
    begun.resolve();
    await closed.promise;
    ended = true;
    return { payload: Buffer.from('"late"'), startPath: 'warm' };
  };
  server.server.once('request', (_request, response) => response.once('close', () => closed.resolve()));
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.write(`GET / HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  await begun.promise;
  socket.destroy();
  await once(socket, 'close');
  await closed.promise;
  assert.equal((await returned('next')).text, '"next"');
  assert.equal(ended, true);
});

test('a page served by path has an origin of its own, one served by host has its host’s', async () => {
  const path = `/_hearth/url/${url.hostname.slice(0, 32)}/`;
  const { headers } = await returned(
    {
      statusCode: 200,
      headers: { 'content-type': 'text/html', 'content-security-policy': "default-src 'self'" },
      body: '<p>',
    },
    { path, headers: { host: 'localhost' } },
  );
  const policies = (headers['content-security-policy'] as string).split(', ');
  assert.ok(policies.some((policy) => policy.startsWith('sandbox ') && !policy.includes('allow-same-origin')));
  assert.ok(policies.includes("default-src 'self'"));
  assert.equal((await returned('x')).headers['content-security-policy'], undefined);
});
