/** Reserved concurrency by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  PutFunctionConcurrencyCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });

const create = (client: LambdaClient, name: string) => client.send(new CreateFunctionCommand(newFunction(name, zip)));

const put = (client: LambdaClient, name: string, count: number) =>
  client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: count }));

const reserved = async (client: LambdaClient, name: string) =>
  (await client.send(new GetFunctionConcurrencyCommand({ FunctionName: name }))).ReservedConcurrentExecutions;

const limits = async (client: LambdaClient) => {
  const { AccountLimit } = await client.send(new GetAccountSettingsCommand({}));
  return [AccountLimit!.ConcurrentExecutions, AccountLimit!.UnreservedConcurrentExecutions];
};

const tooFew = (least: number) => ({
  name: 'InvalidParameterValueException',
  message:
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its " +
    `minimum value of [${least}].`,
});

test('reserved concurrency is set, shown, counted, changed and given up', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client, 'one');
  const before = await client.send(new GetFunctionCommand({ FunctionName: 'one' }));
  assert.equal(before.Concurrency, undefined);
  assert.equal(await reserved(client, 'one'), undefined);
  const answer = await put(client, 'one', 300);
  assert.equal(answer.ReservedConcurrentExecutions, 300);
  assert.equal(answer.$metadata.httpStatusCode, 200);
  assert.equal(await reserved(client, 'one'), 300);
  assert.deepEqual(await limits(client), [1000, 700]);
  const after = await client.send(new GetFunctionCommand({ FunctionName: 'one' }));
  assert.deepEqual(after.Concurrency, { ReservedConcurrentExecutions: 300 });
  // It is no setting of the version: nothing that a version has is changed by it, nor changes it.
  assert.deepEqual(after.Configuration, before.Configuration);
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'one', Timeout: 9 }));
  assert.equal(await reserved(client, 'one'), 300);
  await put(client, 'one', 0);
  assert.equal(await reserved(client, 'one'), 0);
  assert.deepEqual(await limits(client), [1000, 1000]);
  const gone = await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'one' }));
  assert.equal(gone.$metadata.httpStatusCode, 204);
  assert.equal(await reserved(client, 'one'), undefined);
});

test('100 are left for functions without a reservation, and of two that want the last ones at once only one gets them', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await Promise.all(['one', 'two', 'three'].map((name) => create(client, name)));
  await assert.rejects(put(client, 'one', 901), tooFew(100));
  await put(client, 'one', 400);
  const race = await Promise.allSettled([put(client, 'two', 500), put(client, 'three', 500)]);
  assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.deepEqual(await limits(client), [1000, 100]);
  await assert.rejects(put(client, 'one', 401), tooFew(100));
  await put(client, 'one', 399);
  await put(client, 'one', 400);
  // Another region and another account have their own.
  for (const other of [server.client('AKIDEXAMPLE', 'eu-west-1'), server.client('222222222222')]) {
    await create(other, 'one');
    await put(other, 'one', 900);
    assert.deepEqual(await limits(other), [1000, 100]);
  }
});

test('of an account with less than 100, all is left to them', async () => {
  await using server = await ApiServer.start({ concurrency: 10 });
  const client = server.client();
  await create(client, 'one');
  await assert.rejects(put(client, 'one', 1), tooFew(10));
  await put(client, 'one', 0);
  assert.deepEqual(await limits(client), [10, 10]);
});

test('a reservation outlives the server and ends with its function', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-reserved-'));
  try {
    {
      await using server = await ApiServer.start({ data });
      await create(server.client(), 'one');
      await create(server.client(), 'two');
      await put(server.client(), 'one', 7);
    }
    await using server = await ApiServer.start({ data });
    const client = server.client();
    assert.deepEqual(
      [...server.functions.concurrency.all()].map(({ spec, count }) => [spec.functionName, count]),
      [['one', 7]],
    );
    assert.equal(await reserved(client, 'one'), 7);
    await client.send(new DeleteFunctionCommand({ FunctionName: 'one' }));
    assert.deepEqual(await limits(client), [1000, 1000]);
    await create(client, 'one');
    assert.equal(await reserved(client, 'one'), undefined);
  } finally {
    await rm(data, { recursive: true });
  }
});

test('what has no reserved concurrency of its own, or is no number of executions, is refused', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client, 'one');
  await assert.rejects(put(client, 'one', -1), { name: 'ValidationException', message: /greater than or equal to 0$/ });
  await assert.rejects(put(client, 'one', undefined!), { name: 'ValidationException', message: /must not be null$/ });
  await assert.rejects(put(client, 'none', 1), { name: 'ResourceNotFoundException' });
  const unqualified = {
    name: 'InvalidParameterValueException',
    message: /^This operation is permitted on Lambda functions only/,
  };
  await assert.rejects(put(client, 'one:$LATEST', 1), unqualified);
  await assert.rejects(reserved(client, 'one:$LATEST'), unqualified);
  await put(client, 'arn:aws:lambda:us-east-1:000000000000:function:one', 3);
  assert.equal(await reserved(client, '000000000000:function:one'), 3);
});
