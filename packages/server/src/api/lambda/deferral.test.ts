import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  CreateFunctionCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

let server: ApiServer;
let client: LambdaClient;
let arn = '';

before(async () => {
  server = await ApiServer.start();
  client = server.client();
  const made = await client.send(new CreateFunctionCommand(newFunction('f', await zipOf({ 'index.mjs': '1' }))));
  arn = made.FunctionArn!;
});

after(() => server[Symbol.asyncDispose]());

beforeEach(() => {
  server.deferred.length = 0;
});

const invoke = (headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${server.url}/2015-03-31/functions/f/invocations`, {
    method: 'POST',
    body: '{}',
    headers,
    ...(signal && { signal }),
  });

/** What the server understood: seconds from now, and what follows when they are over; undefined where it ran at once. */
async function understood(headers: Record<string, string>): Promise<[number, string] | undefined> {
  const sent = Date.now();
  const response = await invoke(headers);
  assert.equal(response.status, 200, await response.text());
  const terms = server.deferred.pop()?.terms;
  return terms && [Math.round((terms.runBy - sent) / 1000), terms.whenDue];
}

test('P10: a request says that it may wait, and until when', async () => {
  assert.equal(await understood({}), undefined);
  assert.deepEqual(await understood({ 'x-hearth-deferrable': 'true' }), [60, 'run']);
  assert.equal(await understood({ 'x-hearth-deferrable': 'false', 'x-hearth-run-by': '5' }), undefined);
  assert.deepEqual(await understood({ 'x-hearth-run-by': '90' }), [90, 'run']);
  const at = new Date(Date.now() + 120_000);
  assert.deepEqual(await understood({ 'x-hearth-run-by': at.toISOString(), 'x-hearth-when-due': 'fail' }), [
    120,
    'fail',
  ]);
  const local = new Date(at.getTime() + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
  assert.deepEqual(await understood({ 'x-hearth-run-by': local }), [120, 'run']);
  // What has passed is for the room that defers: it runs at once.
  assert.deepEqual((await understood({ 'x-hearth-run-by': '2026-01-01T00:00:00Z' }))![1], 'run');
  assert.equal(await understood({ 'x-hearth-when-due': 'fail' }), undefined);
});

test('P10: what says nothing of sense is refused by name', async () => {
  const wrong = [
    ['x-hearth-deferrable', 'yes'],
    ['x-hearth-when-due', 'later'],
    ['x-hearth-run-by', 'tomorrow'],
    ['x-hearth-run-by', '2026-11-21'],
    ['x-hearth-run-by', '-5'],
    ['x-hearth-run-by', '90000'],
    ['x-hearth-run-by', '2099-01-01T00:00:00Z'],
  ] as const;
  for (const [name, value] of wrong) {
    const response = await invoke({ [name]: value });
    assert.equal(response.status, 400, value);
    assert.match(
      await response.text(),
      new RegExp(`The value '${value}' of ${name} is invalid. Valid is: `.replace('+', '\\+')),
    );
  }
  const stream = client.send(new InvokeWithResponseStreamCommand({ FunctionName: 'f', Payload: '{}' }));
  for await (const _event of (await stream).EventStream!);
  const refused = await fetch(`${server.url}/2021-11-15/functions/f/response-streaming-invocations`, {
    method: 'POST',
    headers: { 'x-hearth-run-by': '5' },
  });
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /Use Invoke/);
});

test('P10: the tag of a function says it for its invocations, until a request says otherwise', async () => {
  const tag = (value: string) =>
    client.send(new TagResourceCommand({ Resource: arn, Tags: { 'hearth:deferrable': value } }));
  await tag('seconds=600');
  assert.deepEqual(await understood({}), [600, 'run']);
  await tag('seconds=30 when-due=fail');
  assert.deepEqual(await understood({}), [30, 'fail']);
  assert.deepEqual(await understood({ 'x-hearth-run-by': '5' }), [5, 'fail']);
  assert.equal(await understood({ 'x-hearth-deferrable': 'false' }), undefined);
  for (const wrong of ['600', 'seconds=', 'seconds=90000', 'seconds=5 when-due=never']) {
    await assert.rejects(tag(wrong), {
      name: 'InvalidParameterValueException',
      message: /of hearth:deferrable is invalid/,
    });
  }
  await client.send(new UntagResourceCommand({ Resource: arn, TagKeys: ['hearth:deferrable'] }));
  assert.equal(await understood({}), undefined);
});

test('its answer says how long it waited, and it ran what its function was when it began', async () => {
  const { promise: cheap, resolve: becomeCheap } = Promise.withResolvers<void>();
  const deferral = {
    receivedAt: '',
    runBy: '',
    latestStart: '',
    expectedMs: 1,
    delayedBecause: 'x',
    begunBecause: 'y',
    waited: 1234.5,
  };
  server.defer = async (call) => {
    await cheap;
    return { ...call.resolveAgain(), deferral };
  };
  const waiting = invoke({ 'x-hearth-run-by': '60' });
  while (server.deferred.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const answer = client.send(new InvokeCommand({ FunctionName: 'f' }));
  // The one that is not deferrable does not wait for it.
  assert.equal((await answer).StatusCode, 200);
  const old = server.deferred[0]?.invocation.spec.key;
  await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile: await zipOf({ 'index.mjs': '2' }) }));
  becomeCheap();
  const { headers } = await waiting;
  assert.equal(headers.get('x-hearth-waited-ms'), '1235');
  assert.notEqual(server.invocations.at(-1)!.spec.key, old);
});

test('a client that goes away is told to whoever defers', async () => {
  const { promise: gone, resolve: left } = Promise.withResolvers<void>();
  server.defer = (call) =>
    new Promise((_resolve, reject) => {
      call.gone.addEventListener('abort', () => (left(), reject(new Error('gone'))));
    });
  const patience = new AbortController();
  const waiting = invoke({ 'x-hearth-run-by': '60' }, patience.signal);
  while (server.deferred.length === 0) await new Promise((resolve) => setImmediate(resolve));
  patience.abort();
  await assert.rejects(waiting);
  await gone;
  assert.deepEqual(server.failures, []);
});
