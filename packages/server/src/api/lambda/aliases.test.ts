/** Aliases by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  InvokeCommand,
  ListAliasesCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type {
  CreateAliasCommandInput,
  LambdaClient,
  ListAliasesCommandInput,
  ListAliasesCommandOutput,
  UpdateAliasCommandInput,
  UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async () => 1;' });
let server: ApiServer;
let client: LambdaClient;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
});
after(() => server[Symbol.asyncDispose]());

let name: string;
let arn: string;
let names = 0;
/** Each test has a function of its own, with three versions. */
beforeEach(async () => {
  name = `f${names++}`;
  arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  server.invocations.length = 0;
  server.random = () => 0.5;
  await createFunction();
});

async function createFunction(): Promise<void> {
  await client.send(new CreateFunctionCommand(newFunction(name, zip, { Publish: true })));
  for (const timeout of [2, 3]) await publish({ Timeout: timeout + 10 });
}

async function publish(over: Partial<UpdateFunctionConfigurationCommandInput>): Promise<string> {
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, ...over }));
  return (await client.send(new PublishVersionCommand({ FunctionName: name }))).Version!;
}

const create = (over: Partial<CreateAliasCommandInput> = {}) =>
  client.send(new CreateAliasCommand({ FunctionName: name, Name: 'live', FunctionVersion: '1', ...over }));
const update = (over: Partial<UpdateAliasCommandInput> = {}) =>
  client.send(new UpdateAliasCommand({ FunctionName: name, Name: 'live', ...over }));
const get = (Name = 'live') => client.send(new GetAliasCommand({ FunctionName: name, Name }));
const remove = (Name = 'live') => client.send(new DeleteAliasCommand({ FunctionName: name, Name }));
const list = (over: Partial<ListAliasesCommandInput> = {}): Promise<ListAliasesCommandOutput> =>
  client.send(new ListAliasesCommand({ FunctionName: name, ...over }));
const listed = async (over: Partial<ListAliasesCommandInput> = {}) =>
  (await list(over)).Aliases!.map(({ Name }) => Name!);
const invoke = (Qualifier = 'live') => client.send(new InvokeCommand({ FunctionName: name, Qualifier }));
const ran = async () => (await invoke()).ExecutedVersion;
const weights = (over: Record<string, number>) => ({ RoutingConfig: { AdditionalVersionWeights: over } });
const refused = (code: string, message: RegExp) => ({ name: code, message });
const invalid = (message: RegExp) => refused('InvalidParameterValueException', message);
const none = (alias: string) =>
  refused('ResourceNotFoundException', new RegExp(`^Cannot find alias arn: ${arn}:${alias}$`));

test('an alias is made, shown, changed and deleted (API_CreateAlias, API_UpdateAlias)', async () => {
  const { $metadata, RevisionId, ...made } = await create({ Description: 'what runs' });
  assert.equal($metadata.httpStatusCode, 201);
  assert.match(RevisionId!, /^[0-9a-f-]{36}$/);
  assert.deepEqual(made, {
    AliasArn: `${arn}:live`,
    Name: 'live',
    FunctionVersion: '1',
    Description: 'what runs',
  });
  const changed = await update({ FunctionVersion: '2', RevisionId });
  assert.deepEqual([changed.FunctionVersion, changed.Description], ['2', 'what runs']);
  assert.notEqual(changed.RevisionId, RevisionId);
  await assert.rejects(update({ FunctionVersion: '3', RevisionId }), {
    name: 'PreconditionFailedException',
    message: /^The Revision Id provided does not match/,
  });
  await update({ Description: 'another' });
  const { $metadata: _, ...shown } = await get();
  assert.deepEqual(
    { ...shown, RevisionId: '' },
    { ...made, FunctionVersion: '2', Description: 'another', RevisionId: '' },
  );
  assert.equal((await remove()).$metadata.httpStatusCode, 204);
  await assert.rejects(get(), none('live'));
  await assert.rejects(update({ FunctionVersion: '1' }), none('live'));
  // Deleting is idempotent.
  await remove();
});

test('an alias can’t be made twice, be a number, or point to what is not there', async () => {
  await create();
  await assert.rejects(
    create({ FunctionVersion: '2' }),
    refused('ResourceConflictException', new RegExp(`^Alias already exists: ${arn}:live$`)),
  );
  for (const Name of ['7', '$LATEST', 'a b', '']) {
    await assert.rejects(create({ Name }), (error: Error) => error.name === 'ValidationException', Name);
  }
  const missing = refused('ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:9$`));
  await assert.rejects(create({ Name: 'other', FunctionVersion: '9' }), missing);
  await assert.rejects(update({ FunctionVersion: '9' }), missing);
  await assert.rejects(update(weights({ 9: 0.5 })), missing);
  assert.equal((await get()).FunctionVersion, '1');
  for (const Name of ['constructor', '__proto__', '0x']) {
    await assert.rejects(get(Name), none(Name));
    await create({ Name });
    assert.equal((await get(Name)).Name, Name);
  }
});

test('V18: Invoke by an alias runs its version, tells the function the alias, and follows it when it moves', async () => {
  await create({ FunctionVersion: '2' });
  const { ExecutedVersion } = await invoke();
  assert.equal(ExecutedVersion, '2');
  assert.equal(server.invocations.at(-1)!.invokedArn, `${arn}:live`);
  assert.equal(server.invocations.at(-1)!.spec.timeoutMs, 12_000);
  await invoke('2');
  assert.equal(server.invocations.at(-1)!.spec, server.invocations.at(-2)!.spec, 'the version’s sandboxes serve both');
  const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: `${name}:live` }));
  assert.deepEqual([Configuration!.FunctionArn, Configuration!.Version], [`${arn}:live`, '2']);
  await update({ FunctionVersion: '3' });
  assert.equal(await ran(), '3');
  // V19: back again, to the same version with the same sandboxes.
  await update({ FunctionVersion: '2' });
  assert.equal(await ran(), '2');
  assert.equal(server.invocations.at(-1)!.spec, server.invocations[0]!.spec);
  await remove();
  await assert.rejects(ran(), refused('ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:live$`)));
  await create({ FunctionVersion: '$LATEST' });
  assert.equal(await ran(), '$LATEST');
});

test('an alias with two versions shares its invocations by weight (configuring-alias-routing)', async () => {
  const made = await create(weights({ 2: 0.1 }));
  assert.deepEqual(made.RoutingConfig, { AdditionalVersionWeights: { 2: 0.1 } });
  const at = async (random: number) => {
    server.random = () => random;
    return ran();
  };
  assert.deepEqual([await at(0), await at(0.0999), await at(0.1), await at(0.9999)], ['2', '2', '1', '1']);
  assert.equal(server.invocations[0]!.invokedArn, `${arn}:live`);
  const dry = await client.send(new InvokeCommand({ FunctionName: name, Qualifier: 'live', InvocationType: 'DryRun' }));
  assert.equal(dry.ExecutedVersion, '1');
  // What the request doesn't name stays; an empty configuration ends the sharing.
  await update({ Description: 'shifting' });
  assert.deepEqual((await get()).RoutingConfig, { AdditionalVersionWeights: { 2: 0.1 } });
  await update({ FunctionVersion: '3' });
  assert.deepEqual([await at(0.05), await at(0.5)], ['2', '3']);
  await update(weights({ 2: 0 }));
  assert.deepEqual([await at(0), await at(0.5)], ['3', '3']);
  await update(weights({ 2: 1 }));
  assert.deepEqual([await at(0), await at(0.9999)], ['2', '2']);
  await update(weights({}));
  assert.equal((await get()).RoutingConfig, undefined);
  assert.equal(await at(0), '3');
  await update(weights({ 1: 0.5 }));
  await update({ RoutingConfig: {} });
  assert.equal((await get()).RoutingConfig, undefined);
});

test('V20: of many invocations the additional version has its share', async () => {
  await create(weights({ 2: 0.1 }));
  // The fractional parts of multiples of the golden ratio fill the interval evenly.
  let turn = 0;
  server.random = () => (++turn * 0.618_033_988_749_895) % 1;
  for (let i = 0; i < 500; i++) await invoke();
  const shifted = server.invocations.filter(({ spec }) => spec.version === '2').length;
  assert.ok(shifted >= 48 && shifted <= 52, `${shifted} of 500`);
});

test('two versions share an alias only as AWS allows it (configuring-alias-routing)', async () => {
  await create();
  await assert.rejects(update(weights({ 2: 0.1, 3: 0.1 })), invalid(/^Number of items in AdditionalVersionWeights/));
  await assert.rejects(
    update(weights({ 1: 0.1 })),
    invalid(/^Invalid function version 1\. Function version 1 is already included in routing configuration\.$/),
  );
  await assert.rejects(
    update({ FunctionVersion: '$LATEST', ...weights({ 1: 0.1 }) }),
    invalid(/^\$LATEST is not supported for an alias pointing to more than 1 version/),
  );
  for (const wrong of [{ $LATEST: 0.1 }, { live: 0.1 }, { 2: 1.1 }, { 2: -0.1 }]) {
    await assert.rejects(update(weights(wrong)), { name: 'ValidationException' });
  }
  await assert.rejects(
    update(weights({ 2: Number.NaN })),
    /^(Validation|InvalidParameterValue|Serialization)Exception/,
  );
  const otherRole = await publish({ Role: 'arn:aws:iam::000000000000:role/other' });
  await assert.rejects(update(weights({ [otherRole]: 0.1 })), invalid(/same execution role/));
  const otherQueue = await publish({
    Role: 'arn:aws:iam::000000000000:role/lambda',
    DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:q' },
  });
  await assert.rejects(update(weights({ [otherQueue]: 0.1 })), invalid(/same dead-letter queue configuration/));
  await update(weights({ 2: 0.1 }));
  await assert.rejects(update({ FunctionVersion: '2' }), invalid(/^Invalid function version 2\. /));
  assert.equal((await get()).FunctionVersion, '1');
});

test('aliases are listed by name, in pages, and those that invoke a version (API_ListAliases)', async () => {
  assert.deepEqual(await listed(), []);
  for (const Name of ['d', 'B', 'a', 'c']) await create({ Name, FunctionVersion: Name === 'c' ? '3' : '1' });
  await update({ Name: 'a', ...weights({ 3: 0.5 }) });
  assert.deepEqual(await listed(), ['B', 'a', 'c', 'd']);
  const pages: string[][] = [];
  let marker: string | undefined;
  do {
    const page = await list({ MaxItems: 3, Marker: marker });
    pages.push(page.Aliases!.map(({ Name }) => Name!));
    marker = page.NextMarker;
  } while (marker !== undefined);
  assert.deepEqual(pages, [['B', 'a', 'c'], ['d']]);
  assert.deepEqual(await listed({ FunctionVersion: '1' }), ['B', 'a', 'd']);
  assert.deepEqual(await listed({ FunctionVersion: '3' }), ['a', 'c']);
  assert.deepEqual(await listed({ FunctionVersion: '2' }), []);
});

test('a version that an alias points to, or shares, is not deleted; nor is an alias by DeleteFunction', async () => {
  const removeVersion = (Qualifier: string) =>
    client.send(new DeleteFunctionCommand({ FunctionName: name, Qualifier }));
  await create(weights({ 2: 0.5 }));
  await create({ Name: 'stage', FunctionVersion: '2' });
  const conflict = (aliases: string) =>
    refused(
      'ResourceConflictException',
      new RegExp(`^Unable to delete version because the following aliases reference it: \\[${aliases}\\]$`),
    );
  await assert.rejects(removeVersion('1'), conflict('live'));
  await assert.rejects(removeVersion('2'), conflict('live, stage'));
  await assert.rejects(removeVersion('live'), invalid(/^Deletion of aliases is not currently supported\.$/));
  await removeVersion('3');
  await remove();
  await removeVersion('1');
});

test('reserved concurrency, code and settings are the function’s, not an alias’s', async () => {
  await create({ FunctionVersion: '$LATEST' });
  name = `${name}:live`;
  const reserve = new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 });
  await assert.rejects(client.send(reserve), invalid(/^This operation is permitted on Lambda functions only/));
  await assert.rejects(
    client.send(new GetFunctionConcurrencyCommand({ FunctionName: name })),
    invalid(/^This operation is permitted on Lambda functions only/),
  );
  await assert.rejects(publish({ Timeout: 4 }), invalid(/^Current operation does not support versions other than/));
  await assert.rejects(create({ Name: 'other' }), invalid(/^This operation is permitted on Lambda functions only/));
});

test('many changes of one function’s aliases at once are done one after the other, and none is lost', async () => {
  const all = Array.from({ length: 20 }, (_, i) => `a${i}`);
  await Promise.all(all.map((Name) => create({ Name })));
  assert.deepEqual(await listed(), all.toSorted());
  await Promise.all([...all.slice(0, 10).map((Name) => remove(Name)), update({ Name: 'a15', FunctionVersion: '2' })]);
  assert.deepEqual(await listed(), all.slice(10).toSorted());
});

test('an alias that waits while its function is deleted does not bring it back', async () => {
  const removeFunction = async (): Promise<void> => {
    try {
      await client.send(new DeleteFunctionCommand({ FunctionName: name }));
    } catch (error) {
      // Deleting doesn't wait for the aliases that are being made.
      if ((error as Error).name !== 'ResourceConflictException') throw error;
      await removeFunction();
    }
  };
  const creating = Promise.allSettled(Array.from({ length: 30 }, (_, i) => create({ Name: `a${i}` })));
  await removeFunction();
  for (const outcome of await creating) {
    if (outcome.status === 'rejected') assert.equal((outcome.reason as Error).name, 'ResourceNotFoundException');
  }
  await assert.rejects(listed(), { name: 'ResourceNotFoundException' });
});

test('aliases outlive the server and go with their function', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-aliases-'));
  try {
    {
      await using first = await ApiServer.start({ data });
      client = first.client();
      await createFunction();
      await create(weights({ 3: 0.25 }));
    }
    await using second = await ApiServer.start({ data });
    client = second.client();
    assert.deepEqual((await get()).RoutingConfig, { AdditionalVersionWeights: { 3: 0.25 } });
    for (const [random, version] of [
      [0.2, '3'],
      [0.3, '1'],
    ] as const) {
      second.random = () => random;
      assert.equal(await ran(), version);
    }
    await client.send(new DeleteFunctionCommand({ FunctionName: name }));
    await createFunction();
    assert.deepEqual(await listed(), []);
  } finally {
    client = server.client();
    await rm(data, { recursive: true });
  }
});
