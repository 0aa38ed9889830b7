/** Provisioned concurrency by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  GetProvisionedConcurrencyConfigCommand,
  ListProvisionedConcurrencyConfigsCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import type { LambdaClient, UpdateAliasCommandInput } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zips = await Promise.all(
  [1, 2, 3].map((number) => zipOf({ 'index.js': `exports.handler = async () => ${number};` })),
);

const NOT_FOUND = {
  name: 'ProvisionedConcurrencyConfigNotFoundException',
  message: 'No Provisioned Concurrency Config found for this function',
};
const UNPUBLISHED = {
  name: 'InvalidParameterValueException',
  message: 'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
};
const TAKEN = {
  name: 'ResourceConflictException',
  message: "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
};
const ROUTED = {
  name: 'InvalidParameterValueException',
  message: 'Invalid alias configuration for Provisioned Concurrency',
};

const NAME = 'f';

class Subject {
  readonly client: LambdaClient;
  /** What whoever keeps sandboxes was told, in order. */
  readonly told: string[] = [];

  constructor(server: ApiServer) {
    this.client = server.client();
    server.functions.on('provisioned', ({ functionName, version }, count) =>
      this.told.push(`${functionName}:${version} ${count}`),
    );
  }

  /** A function with versions 1 to 3. */
  async create(name = NAME): Promise<void> {
    await this.client.send(new CreateFunctionCommand(newFunction(name, zips[0]!, { Publish: true })));
    for (const ZipFile of zips.slice(1)) {
      await this.client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile, Publish: true }));
    }
  }

  alias(Name: string, FunctionVersion: string) {
    return this.client.send(new CreateAliasCommand({ FunctionName: NAME, Name, FunctionVersion }));
  }

  move(Name: string, change: Partial<UpdateAliasCommandInput>) {
    return this.client.send(new UpdateAliasCommand({ FunctionName: NAME, Name, ...change }));
  }

  put(Qualifier: string, ProvisionedConcurrentExecutions: number, FunctionName = NAME) {
    return this.client.send(
      new PutProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier, ProvisionedConcurrentExecutions }),
    );
  }

  async get(Qualifier: string, FunctionName = NAME) {
    const { $metadata: _, ...config } = await this.client.send(
      new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }),
    );
    return config;
  }

  delete(Qualifier: string, FunctionName = NAME) {
    return this.client.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }));
  }

  async list(more: { Marker?: string; MaxItems?: number } = {}) {
    const page = await this.client.send(new ListProvisionedConcurrencyConfigsCommand({ FunctionName: NAME, ...more }));
    return {
      ...page,
      names: page.ProvisionedConcurrencyConfigs!.map(({ FunctionArn }) => FunctionArn!.split(':').at(-1)),
    };
  }

  reserve(count: number, FunctionName = NAME) {
    return this.client.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: count }));
  }

  async unreserved(): Promise<number> {
    const { AccountLimit } = await this.client.send(new GetAccountSettingsCommand({}));
    return AccountLimit!.UnreservedConcurrentExecutions!;
  }
}

test('a version’s is put, comes about, is shown, changed and given up (D5)', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await assert.rejects(subject.get('2'), NOT_FOUND);
  const { $metadata, LastModified, ...answer } = await subject.put('2', 5);
  assert.equal($metadata.httpStatusCode, 202);
  assert.match(LastModified!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/);
  const nothing = { AvailableProvisionedConcurrentExecutions: 0, AllocatedProvisionedConcurrentExecutions: 0 };
  assert.deepEqual(answer, { RequestedProvisionedConcurrentExecutions: 5, ...nothing, Status: 'IN_PROGRESS' });
  assert.deepEqual(subject.told, ['f:2 5']);
  assert.deepEqual(await subject.get('2'), { ...answer, LastModified });
  server.provisioned.set('2', { ready: 3, failure: undefined });
  assert.deepEqual((await subject.get('2')).AllocatedProvisionedConcurrentExecutions, 3);
  server.provisioned.set('2', { ready: 3, failure: 'FUNCTION_ERROR_INIT_FAILURE' });
  const failed = await subject.get('2');
  assert.deepEqual([failed.Status, failed.StatusReason], ['FAILED', 'FUNCTION_ERROR_INIT_FAILURE']);
  server.provisioned.set('2', { ready: 5, failure: undefined });
  const ready = await subject.get('2');
  assert.deepEqual([ready.Status, ready.AvailableProvisionedConcurrentExecutions], ['READY', 5]);
  assert.equal((await subject.put('2', 4)).Status, 'IN_PROGRESS');
  assert.equal((await subject.delete('2')).$metadata.httpStatusCode, 204);
  await assert.rejects(subject.get('2'), NOT_FOUND);
  await subject.delete('2');
  assert.deepEqual(subject.told, ['f:2 5', 'f:2 4', 'f:2 0']);
});

test('it is for published versions and aliases of them alone', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.alias('latest', '$LATEST');
  await assert.rejects(subject.put('$LATEST', 1), UNPUBLISHED);
  await assert.rejects(subject.put('latest', 1), UNPUBLISHED);
  const neither = {
    name: 'InvalidParameterValueException',
    message: 'The function resource provided must be an alias or a published version.',
  };
  await assert.rejects(subject.get('$LATEST'), neither);
  await assert.rejects(subject.delete('$LATEST'), neither);
  await assert.rejects(subject.put('4', 1), { name: 'ResourceNotFoundException' });
  await assert.rejects(subject.put('nobody', 1), { name: 'ResourceNotFoundException' });
  await assert.rejects(subject.put('1', 1, 'none'), { name: 'ResourceNotFoundException' });
  await assert.rejects(subject.put('1', 0), { name: 'ValidationException', message: /greater than or equal to 1$/ });
  // What an alias of `$LATEST` can't have, one that has it can't become.
  await subject.alias('live', '1');
  await subject.put('live', 1);
  await assert.rejects(subject.move('live', { FunctionVersion: '$LATEST' }), UNPUBLISHED);
});

test('a version has it once: of its own or by one alias', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.alias('blue', '1');
  await subject.alias('green', '1');
  await subject.put('1', 2);
  await assert.rejects(subject.put('blue', 1), TAKEN);
  await subject.delete('1');
  await subject.put('blue', 1);
  await assert.rejects(subject.put('green', 1), TAKEN);
  await assert.rejects(subject.put('1', 1), {
    name: 'ResourceConflictException',
    message: 'Version is pointed by a Provisioned Concurrency alias',
  });
  await subject.put('2', 1);
  await assert.rejects(subject.move('blue', { FunctionVersion: '2' }), TAKEN);
  await assert.rejects(subject.move('blue', { RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } } }), TAKEN);
  await subject.put('blue', 3);
  assert.deepEqual(subject.told, ['f:1 2', 'f:1 0', 'f:1 1', 'f:2 1', 'f:1 3']);
});

test('an alias that moves takes it along, and shares it as it shares its invocations', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.alias('live', '1');
  await subject.put('live', 10);
  await subject.move('live', { RoutingConfig: { AdditionalVersionWeights: { 2: 0.3 } } });
  assert.deepEqual(subject.told, ['f:1 10', 'f:1 7', 'f:2 3']);
  // While it is shared, nothing about it can be changed.
  await assert.rejects(subject.put('live', 5), ROUTED);
  server.provisioned.set('1', { ready: 7, failure: undefined });
  server.provisioned.set('2', { ready: 2, failure: undefined });
  assert.deepEqual((await subject.get('live')).AllocatedProvisionedConcurrentExecutions, 9);
  await subject.move('live', { FunctionVersion: '2', RoutingConfig: {} });
  assert.deepEqual(subject.told.slice(3), ['f:1 0', 'f:2 10']);
  await subject.move('live', { FunctionVersion: '3' });
  assert.deepEqual(subject.told.slice(5), ['f:2 0', 'f:3 10']);
  await subject.move('live', { Description: 'the same' });
  assert.equal(subject.told.length, 7);
});

test('it ends with its alias, its version and its function', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.alias('live', '1');
  await subject.put('live', 4);
  await subject.client.send(new DeleteAliasCommand({ FunctionName: NAME, Name: 'live' }));
  assert.deepEqual(subject.told, ['f:1 4', 'f:1 0']);
  await subject.alias('live', '1');
  await assert.rejects(subject.get('live'), NOT_FOUND);
  await subject.put('2', 3);
  await subject.put('3', 3);
  await subject.client.send(new DeleteFunctionCommand({ FunctionName: NAME, Qualifier: '2' }));
  assert.deepEqual((await subject.list()).names, ['3']);
  assert.equal(await subject.unreserved(), 997);
  await subject.client.send(new DeleteFunctionCommand({ FunctionName: NAME }));
  assert.equal(await subject.unreserved(), 1000);
  await subject.create();
  assert.deepEqual((await subject.list()).names, []);
});

test('of the account it leaves 100 for other functions, and of a reservation it is a part', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.create('other');
  const tooFew = {
    name: 'InvalidParameterValueException',
    message:
      "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
  };
  await assert.rejects(subject.put('1', 901), tooFew);
  await subject.put('1', 500);
  assert.equal(await subject.unreserved(), 500);
  await assert.rejects(subject.put('1', 401, 'other'), tooFew);
  await assert.rejects(subject.reserve(401, 'other'), {
    message: /^Specified ReservedConcurrentExecutions for function decreases/,
  });
  await assert.rejects(subject.reserve(499), {
    name: 'InvalidParameterValueException',
    message:
      "ReservedConcurrentExecutions  499 should not be lower than function's total provisioned concurrency [500].",
  });
  await subject.reserve(600);
  assert.equal(await subject.unreserved(), 400);
  await subject.put('2', 100);
  assert.equal(await subject.unreserved(), 400);
  const tooMany = {
    name: 'InvalidParameterValueException',
    message:
      'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
  };
  await assert.rejects(subject.put('2', 101), tooMany);
  await assert.rejects(subject.put('3', 1), tooMany);
  const { ReservedConcurrentExecutions } = await subject.client.send(
    new GetFunctionConcurrencyCommand({ FunctionName: NAME }),
  );
  assert.equal(ReservedConcurrentExecutions, 600);
  await subject.client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: NAME }));
  // What was provisioned stays.
  assert.equal(await subject.unreserved(), 400);
  // Of two that want the last of it at once only one gets it.
  const race = await Promise.allSettled([subject.put('1', 300, 'other'), subject.put('1', 800)]);
  assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a function’s are listed in order and in pages', async () => {
  await using server = await ApiServer.start();
  const subject = new Subject(server);
  await subject.create();
  await subject.alias('live', '3');
  await subject.put('live', 1);
  await subject.put('2', 2);
  await subject.put('1', 3);
  const all = await subject.list();
  assert.deepEqual(all.names, ['1', '2', 'live']);
  assert.equal(all.NextMarker, undefined);
  assert.deepEqual(all.ProvisionedConcurrencyConfigs![1], {
    FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f:2',
    ...(await subject.get('2')),
  });
  const first = await subject.list({ MaxItems: 2 });
  assert.deepEqual(first.names, ['1', '2']);
  const second = await subject.list({ MaxItems: 2, Marker: first.NextMarker! });
  assert.deepEqual([second.names, second.NextMarker], [['live'], undefined]);
  await assert.rejects(subject.list({ MaxItems: 51 }), { name: 'ValidationException' });
});

test('it outlives the server', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-provisioned-'));
  try {
    {
      await using server = await ApiServer.start({ data });
      const subject = new Subject(server);
      await subject.create();
      await subject.alias('live', '3');
      await subject.put('live', 4);
      await subject.put('1', 2);
      await subject.client.send(new PublishVersionCommand({ FunctionName: NAME }));
    }
    await using server = await ApiServer.start({ data });
    assert.deepEqual(
      [...server.functions.provisioned.all()].map(({ spec, count }) => [spec.version, count]),
      [
        ['1', 2],
        ['3', 4],
      ],
    );
    assert.equal(await new Subject(server).unreserved(), 994);
  } finally {
    await rm(data, { recursive: true });
  }
});
