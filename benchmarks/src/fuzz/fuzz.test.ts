import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { judge } from './judge.ts';
import { generate } from './requests.ts';
import type { FuzzRequest } from './requests.ts';
import { Wire } from './wire.ts';

const ID = '11111111-2222-3333-4444-555555555555';
const request = (service: string | undefined, operation = 'ListFunctions'): FuzzRequest => ({
  category: 'near',
  service,
  operation,
  method: 'GET',
  authorization: '',
  bytes: Buffer.alloc(0),
  connection: 'keep',
});
const answer = (status: number, body: string, headers: Record<string, string> = {}) => ({
  status,
  headers: new Map(Object.entries({ 'x-amzn-requestid': ID, ...headers })),
  body: Buffer.from(body),
});

test('a seed makes the same requests again, and another one others', () => {
  const bytes = (seed: number) =>
    Array.from({ length: 200 }, (_, index) => generate(seed, index).bytes.toString('latin1'));
  assert.deepEqual(bytes(1), bytes(1));
  assert.notDeepEqual(bytes(1), bytes(2));
  assert.ok(new Set(bytes(1)).size > 190);
});

test('what a client could not read is told from what it can', () => {
  const error = '{"Type":"User","message":"no"}';
  const name = { 'x-amzn-errortype': 'ValidationException' };
  const xml = `<ErrorResponse><Error><Code>A</Code></Error><RequestId>${ID}</RequestId></ErrorResponse>`;
  assert.equal(judge(request('lambda'), answer(400, error, name)), undefined);
  assert.equal(judge(request('logs'), answer(400, '{"__type":"A","message":"no"}')), undefined);
  assert.equal(judge(request('sts'), answer(400, xml)), undefined);
  assert.equal(judge(request('lambda'), answer(200, '{}')), undefined);
  for (const [service, wrong] of [
    ['lambda', answer(500, error, name)],
    ['lambda', answer(400, error)],
    ['lambda', answer(400, '<html>', name)],
    ['lambda', answer(400, error, { ...name, 'x-amzn-requestid': '' })],
    ['lambda', answer(501, error, name)],
    ['lambda', answer(200, '{')],
    ['sts', answer(200, '{}')],
    [undefined, answer(404, 'Not Found')],
  ] as const) {
    assert.notEqual(judge(request(service), wrong), undefined, `${service} ${wrong.status} ${wrong.body.toString()}`);
  }
});

test('events are told from what only looks like them', () => {
  const codec = new EventStreamCodec(
    (bytes) => Buffer.from(bytes).toString(),
    (text) => Buffer.from(text),
  );
  const event = (value: string) =>
    Buffer.from(codec.encode({ headers: { ':event-type': { type: 'string', value } }, body: Buffer.from('{}') }));
  const judged = (...events: Buffer[]) =>
    judge(request('lambda', 'InvokeWithResponseStream'), {
      ...answer(200, '', { 'content-type': 'application/vnd.amazon.eventstream' }),
      body: Buffer.concat(events),
    });
  const [chunk, end] = [event('PayloadChunk'), event('InvokeComplete')];
  assert.equal(judged(chunk, chunk, end), undefined);
  assert.equal(judged(end), undefined);
  const damaged = Buffer.from(end);
  damaged[20]! ^= 1;
  for (const wrong of [[], [chunk], [end, chunk], [chunk, end.subarray(1)], [chunk, damaged]]) {
    assert.notEqual(judged(...wrong), undefined);
  }
});

/** What a wire makes of these bytes, sent by a server that then closes. */
async function read(bytes: string): Promise<unknown> {
  await using server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume().end(bytes.replaceAll('\n', '\r\n'));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const wire = new Wire((server.address() as AddressInfo).port);
  try {
    return await wire.exchange(Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'GET');
  } finally {
    wire.close();
  }
}

test('answers are read by the rules, and none is made of what is none', async () => {
  const whole = (await read('HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\n{}')) as { body: Buffer };
  assert.equal(whole.body.toString(), '{}');
  const chunked = (await read('HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n1\n{\n1\n}\n0\n\n')) as { body: Buffer };
  assert.equal(chunked.body.toString(), '{}');
  assert.equal(await read(''), 'ended');
  for (const bytes of [
    'HTTP/1.1 200 OK\ncontent-length: 5\n\n{}',
    'nonsense\n\n',
    'HTTP/1.1 200 OK\nno colon\n\n',
    'HTTP/1.1 200 OK\nx: y\n\n',
    'HTTP/1.1 400 Bad\ncontent-length: 0\nconnection: close\n\nrest',
  ]) {
    await assert.rejects(read(bytes), Error, bytes);
  }
});
