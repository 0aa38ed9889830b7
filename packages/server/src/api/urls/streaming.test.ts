/** URLs with InvokeMode RESPONSE_STREAM: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import { UpdateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import { HTTP_INTEGRATION_RESPONSE, PRELUDE_END } from '@hearth/protocol';
import type { InvocationOutcome, ResponseSink } from '../../invoke/invocation.ts';
import { ApiServer } from '../testing/api-server.ts';
import { call, createUrl } from './testing/url-server.ts';

let server: ApiServer;
let url: URL;
before(async () => {
  server = await ApiServer.start();
  url = await createUrl(server.client(), 'streams', {
    InvokeMode: 'RESPONSE_STREAM',
    Cors: { AllowOrigins: ['https://a.example'] },
  });
});
after(() => server[Symbol.asyncDispose]());
afterEach(() => {
  assert.deepEqual(server.failures, []);
});

const NULS = Buffer.alloc(PRELUDE_END);
const NO_PAYLOAD = Buffer.alloc(0);
const STREAMED: InvocationOutcome = { payload: NO_PAYLOAD, startPath: 'warm' };
const source = { resume: () => {} };

/** A function that writes these pieces. */
function streams(contentType: string, pieces: readonly (string | Buffer)[], outcome = STREAMED): void {
  server.run = async ({ sink }) => {
    sink!.begin({ contentType, startPath: 'warm' }, source);
    for (const piece of pieces) sink!.write(Buffer.from(piece as string));
    if (outcome.functionError === undefined) sink!.whole();
    return outcome;
  };
}

/** What `HttpResponseStream.from` sends, cut into pieces of some bytes. */
function withPrelude(prelude: unknown, body: string, size = Infinity): Buffer[] {
  const all = Buffer.concat([Buffer.from(JSON.stringify(prelude)), NULS, Buffer.from(body)]);
  const pieces: Buffer[] = [];
  for (let start = 0; start < all.length; start += size) pieces.push(all.subarray(start, start + size));
  return pieces;
}

test('what a function streams has its content type, and no length', async () => {
  streams('text/plain', ['one ', 'two ', 'three']);
  const { status, headers, text: body } = await call(server, url, { headers: { origin: 'https://a.example' } });
  assert.equal(status, 200);
  assert.equal(body, 'one two three');
  assert.equal(headers['content-type'], 'text/plain');
  assert.equal(headers['content-length'], undefined);
  assert.equal(headers['access-control-allow-origin'], 'https://a.example');
  assert.equal(headers['x-amzn-requestid'], server.invocations.at(-1)!.requestId);
  assert.equal(headers['x-amzn-trace-id'], server.invocations.at(-1)!.traceId);
});

test('a prelude is the head of the answer, into whatever pieces it is cut', async () => {
  const prelude = { statusCode: 201, headers: { 'Content-Type': 'text/html', 'X-A': 'b' }, cookies: ['a=1', 'b=2'] };
  for (const size of [1, 7, Infinity]) {
    streams(HTTP_INTEGRATION_RESPONSE, withPrelude(prelude, '<p>\0\0</p>', size));
    const { status, headers, text: body } = await call(server, url);
    assert.equal(status, 201);
    assert.equal(body, '<p>\0\0</p>');
    assert.equal(headers['content-type'], 'text/html');
    assert.equal(headers['x-a'], 'b');
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  }
  streams(HTTP_INTEGRATION_RESPONSE, withPrelude({}, ''));
  const bare = await call(server, url);
  assert.deepEqual([bare.status, bare.text, bare.headers['content-type']], [200, '', 'application/octet-stream']);
  streams(HTTP_INTEGRATION_RESPONSE, withPrelude({ statusCode: 204 }, ''));
  assert.equal((await call(server, url)).status, 204);
  streams(HTTP_INTEGRATION_RESPONSE, withPrelude(prelude, 'not for HEAD'));
  const head = await call(server, url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.text], [201, '']);
});

test('a prelude that is none is 502', async () => {
  for (const pieces of [
    ['{"statusCode": 200'],
    [Buffer.concat([Buffer.from('nonsense'), NULS]), 'body'],
    withPrelude({ statusCode: 99 }, 'body', 5),
    withPrelude({ statusCode: 200, headers: { 'a b': 'c' } }, 'body'),
    [Buffer.alloc(200_000, ' '), 'more'],
    [],
  ]) {
    streams(HTTP_INTEGRATION_RESPONSE, pieces);
    const { status, text: body } = await call(server, url);
    assert.deepEqual([status, body], [502, 'Internal Server Error']);
  }
});

/** The answer as soon as its head is there. */
async function open(): Promise<IncomingMessage> {
  const request = httpRequest({ port: url.port, headers: { host: url.host }, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

test('head and first bytes arrive while the function still runs', async () => {
  const going = Promise.withResolvers<InvocationOutcome>();
  const running = Promise.withResolvers<ResponseSink>();
  server.run = ({ sink }) => {
    running.resolve(sink!);
    return going.promise;
  };
  const opened = open();
  const sink = await running.promise;
  sink.begin({ contentType: HTTP_INTEGRATION_RESPONSE, startPath: 'warm' }, source);
  sink.write(withPrelude({ statusCode: 202 }, '')[0]!);
  const response = await opened;
  assert.equal(response.statusCode, 202, 'the head alone');
  const first = once(response, 'data');
  sink.write(Buffer.from('first'));
  assert.equal(String((await first)[0]), 'first');
  const rest = text(response);
  sink.write(Buffer.from('second'));
  sink.whole();
  // The client has it all, whatever the function does now.
  assert.equal(await rest, 'second');
  going.resolve(STREAMED);
});

test('a failure before the first byte is 502, one after it breaks the answer off', async () => {
  const failed = {
    ...STREAMED,
    payload: Buffer.from('{"errorMessage":"secret"}'),
    functionError: 'Unhandled',
  } as const;
  server.run = async () => failed;
  assert.deepEqual((await call(server, url)).text, 'Internal Server Error');
  streams('text/plain', ['half'], failed);
  const response = await open();
  await assert.rejects(text(response), /aborted/);
  streams(HTTP_INTEGRATION_RESPONSE, ['{"statusCode"'], failed);
  assert.equal((await call(server, url)).status, 502);
});

test('a slow client holds the function back, one that has gone does not', async () => {
  const going = Promise.withResolvers<InvocationOutcome>();
  const running = Promise.withResolvers<ResponseSink>();
  const room = Promise.withResolvers<void>();
  let gone = false;
  server.run = ({ sink }) => {
    running.resolve(sink!);
    return going.promise;
  };
  const opened = open();
  const sink = await running.promise;
  const piece = Buffer.alloc(1024 * 1024);
  const resume = () => {
    if (gone && sink.write(piece)) room.resolve();
  };
  sink.begin({ contentType: 'text/plain', startPath: 'warm' }, { resume });
  const response = await (sink.write(piece), opened);
  // Not read: what the two ends hold is soon full.
  let held = false;
  for (let count = 0; count < 64 && !held; count++) held = !sink.write(piece);
  assert.equal(held, true);
  gone = true;
  response.destroy();
  // It is told to go on, and not to stop again.
  await room.promise;
  going.resolve(STREAMED);
});

test('a function that streams nothing is answered as with BUFFERED, and one that streams has its response collected there', async () => {
  server.run = async () => ({ payload: Buffer.from('{"statusCode":201,"body":"whole"}'), startPath: 'warm' });
  assert.deepEqual([(await call(server, url)).status, (await call(server, url)).text], [201, 'whole']);
  await server.client().send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'streams', InvokeMode: 'BUFFERED' }));
  const [payload] = withPrelude({ statusCode: 203, headers: { 'content-type': 'text/html' } }, '<p>') as [Buffer];
  server.run = async ({ sink }) => {
    assert.equal(sink, undefined);
    return { payload, contentType: HTTP_INTEGRATION_RESPONSE, startPath: 'warm' };
  };
  const collected = await call(server, url);
  assert.deepEqual([collected.status, collected.text, collected.headers['content-type']], [203, '<p>', 'text/html']);
  server.run = async () => ({ payload: Buffer.from('{"statusCode":1}'), contentType: 'text/css', startPath: 'warm' });
  const plain = await call(server, url);
  assert.deepEqual([plain.status, plain.text, plain.headers['content-type']], [200, '{"statusCode":1}', 'text/css']);
});
