/** Versions by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda';
import type {
  CreateFunctionCommandInput,
  LambdaClient,
  ListFunctionsCommandOutput,
  PublishVersionCommandInput,
  UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const [ONE, TWO, THREE] = (await Promise.all(
  [1, 2, 3].map((n) => zipOf({ 'index.js': `exports.handler = async () => ${n};` })),
)) as [Buffer, Buffer, Buffer];
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
beforeEach(async () => {
  name = `f${names++}`;
  arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  server.invocations.length = 0;
  await create();
});

const create = (over: Partial<CreateFunctionCommandInput> = {}, by = client) =>
  by.send(new CreateFunctionCommand(newFunction(name, ONE, over)));
const publish = (over: Partial<PublishVersionCommandInput> = {}, by = client) =>
  by.send(new PublishVersionCommand({ FunctionName: name, ...over }));
const update = (ZipFile: Buffer, Publish = false) =>
  client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile, Publish }));
const configure = (over: Partial<UpdateFunctionConfigurationCommandInput>) =>
  client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, ...over }));
const get = (Qualifier?: string) => client.send(new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier }));
const invoke = (Qualifier?: string, FunctionName = name) =>
  client.send(new InvokeCommand({ FunctionName, ...(Qualifier === undefined ? {} : { Qualifier }) }));
const remove = (Qualifier?: string, FunctionName = name) =>
  client.send(new DeleteFunctionCommand({ FunctionName, ...(Qualifier === undefined ? {} : { Qualifier }) }));
const listed = async (by = client) =>
  (await by.send(new ListVersionsByFunctionCommand({ FunctionName: name }))).Versions!.map(({ Version }) => Version!);
const sha = (zip: Buffer) => createHash('sha256').update(zip).digest('base64');
const refused = (code: string, message: RegExp) => ({ name: code, message });
const notFound = (qualifier: string) =>
  refused('ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:${qualifier.replace('$', '\\$')}$`));

test('V18: a published version keeps its code and settings whatever becomes of $LATEST', async () => {
  await configure({ Environment: { Variables: { STAGE: 'one' } }, Timeout: 7 });
  const one = await publish();
  assert.equal(one.$metadata.httpStatusCode, 201);
  assert.equal(one.Version, '1');
  assert.equal(one.FunctionArn, `${arn}:1`);
  assert.equal(one.State, 'Pending');
  const waited = await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 10 },
    { FunctionName: name, Qualifier: '1' },
  );
  assert.equal(waited.state, 'SUCCESS');
  await configure({ Environment: { Variables: { STAGE: 'two' } }, Timeout: 9, Description: 'the second' });
  await update(TWO);
  const two = await publish();
  assert.equal(two.Version, '2');
  const { Configuration, Code } = await client.send(new GetFunctionCommand({ FunctionName: name, Qualifier: '1' }));
  assert.deepEqual(Configuration!.Environment, { Variables: { STAGE: 'one' } });
  assert.equal(Configuration!.Timeout, 7);
  assert.equal(Configuration!.CodeSha256, sha(ONE));
  assert.equal(Configuration!.RevisionId, one.RevisionId);
  assert.equal(Configuration!.State, 'Active');
  assert.equal(Configuration!.LastUpdateStatus, 'Successful');
  assert.deepEqual(Buffer.from(await (await fetch(Code!.Location!)).arrayBuffer()), ONE);
  const second = await get('2');
  assert.deepEqual([second.Timeout, second.CodeSha256, second.Description], [9, sha(TWO), 'the second']);
  assert.equal((await get('$LATEST')).FunctionArn, `${arn}:$LATEST`);
  assert.equal((await get()).Version, '$LATEST');
});

test('V18, V21: versions run side by side, each as itself, and the answer says which', async () => {
  await publish();
  await update(TWO);
  await publish();
  for (const qualifier of ['1', '2', '1', undefined, '$LATEST', '2']) {
    const { ExecutedVersion } = await invoke(qualifier);
    assert.equal(ExecutedVersion, qualifier ?? '$LATEST');
    const { spec, invokedArn } = server.invocations.at(-1)!;
    assert.equal(spec.version, qualifier ?? '$LATEST');
    assert.equal(invokedArn, qualifier === undefined ? arn : `${arn}:${qualifier}`);
    assert.equal(spec.functionArn, arn);
    assert.equal(spec.code.size, qualifier === '1' ? ONE.length : TWO.length);
  }
  for (const form of [`${name}:1`, `${arn}:1`, `000000000000:function:${name}:1`]) {
    assert.equal((await invoke(undefined, form)).ExecutedVersion, '1');
  }
  const keys = new Set(server.invocations.map(({ spec }) => spec.key));
  assert.equal(keys.size, 3, 'each version has sandboxes of its own');
  await assert.rejects(invoke('3'), notFound('3'));
  await assert.rejects(invoke('01'), notFound('01'));
  await assert.rejects(invoke('live'), notFound('live'));
});

test('a version of unchanged code and settings is not published twice (API_PublishVersion)', async () => {
  const first = await publish({ Description: 'first' });
  const again = await publish({ Description: 'another' });
  assert.deepEqual([again.Version, again.Description, again.RevisionId], ['1', 'first', first.RevisionId]);
  // The same code once more is no change of it either.
  await update(ONE);
  assert.equal((await publish()).Version, '1');
  await configure({ Timeout: 5 });
  assert.equal((await publish()).Version, '2');
  await configure({ Timeout: 3 });
  assert.equal((await publish()).Version, '3', 'compared with what was published last');
  await update(TWO);
  assert.equal((await publish()).Version, '4');
  assert.deepEqual(await listed(), ['$LATEST', '1', '2', '3', '4']);
});

test('a description given to PublishVersion is the version’s, without one it has the function’s', async () => {
  await configure({ Description: 'of the function' });
  assert.equal((await publish()).Description, 'of the function');
  await update(TWO);
  assert.equal((await publish({ Description: 'of the version' })).Description, 'of the version');
  assert.equal((await get('2')).Description, 'of the version');
  assert.equal((await get()).Description, 'of the function');
});

test('PublishVersion does nothing where the hash or the revision is another (API_PublishVersion)', async () => {
  const { RevisionId } = await update(TWO);
  await assert.rejects(
    publish({ CodeSha256: sha(ONE) }),
    refused(
      'InvalidParameterValueException',
      /^CodeSHA256 \(.{44}\) is different from current CodeSHA256 in \$LATEST \(.{44}\)\. Please try again with/,
    ),
  );
  await assert.rejects(
    publish({ RevisionId: 'another' }),
    refused('PreconditionFailedException', /^The Revision Id provided does not match the latest Revision Id/),
  );
  assert.deepEqual(await listed(), ['$LATEST']);
  assert.equal((await publish({ CodeSha256: sha(TWO), RevisionId })).Version, '1');
});

test('numbers are not used again, not even the last one’s after it was deleted', async () => {
  await publish();
  await remove('1');
  await assert.rejects(get('1'), notFound('1'));
  assert.equal((await publish()).Version, '2');
  await remove(undefined, `${name}:2`);
  await configure({ Timeout: 4 });
  assert.equal((await publish()).Version, '3');
  assert.deepEqual(await listed(), ['$LATEST', '3']);
});

test('of a version that is deleted nothing can be invoked, and the others go on', async () => {
  const deleted: string[] = [];
  server.functions.on('versionDeleted', (spec) => deleted.push(spec.version));
  await publish();
  await update(TWO, true);
  assert.equal((await invoke('1')).ExecutedVersion, '1');
  const { $metadata } = await remove('1');
  assert.equal($metadata.httpStatusCode, 204);
  assert.deepEqual(deleted, ['1']);
  await assert.rejects(invoke('1'), notFound('1'));
  assert.equal((await invoke('2')).ExecutedVersion, '2');
  await assert.rejects(remove('1'), notFound('1'));
  await assert.rejects(
    remove('$LATEST'),
    refused('InvalidParameterValueException', /^\$LATEST version cannot be deleted without deleting the function\.$/),
  );
  await assert.rejects(remove(undefined, `${name}:$LATEST`), { name: 'InvalidParameterValueException' });
  await client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 5 }));
  await remove('2');
  assert.equal([...server.functions.concurrency.all()].find(({ spec }) => spec.functionArn === arn)?.count, 5);
});

test('a function goes with all its versions, and its successor of that name begins at 1', async () => {
  await publish();
  await invoke('1');
  const { key } = server.invocations.at(-1)!.spec;
  await remove();
  await assert.rejects(invoke('1'), notFound('1'));
  await create();
  await assert.rejects(get('1'), notFound('1'));
  assert.equal((await publish()).Version, '1');
  await invoke('1');
  assert.notEqual(server.invocations.at(-1)!.spec.key, key, 'no sandbox of the former one serves it');
});

test('Publish makes the first version with the function, and the next with its code (API_UpdateFunctionCode)', async () => {
  name = `f${names++}`;
  arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  const made = await create({ Publish: true, Description: 'd' });
  assert.deepEqual([made.Version, made.FunctionArn, made.Description], ['1', `${arn}:1`, 'd']);
  assert.equal(made.State, 'Pending');
  const two = await update(TWO, true);
  assert.deepEqual([two.Version, two.FunctionArn, two.CodeSha256], ['2', `${arn}:2`, sha(TWO)]);
  assert.equal((await update(TWO, true)).Version, '2');
  assert.equal((await update(THREE)).Version, '$LATEST');
  assert.deepEqual(await listed(), ['$LATEST', '1', '2']);
  const dry = await client.send(
    new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: ONE, Publish: true, DryRun: true }),
  );
  assert.equal(dry.Version, '$LATEST');
  assert.deepEqual(await listed(), ['$LATEST', '1', '2']);
  await assert.rejects(publish({ PublishTo: 'LATEST_PUBLISHED' }), /PublishTo is not supported by Hearth yet/);
});

test('ListVersionsByFunction has $LATEST and the versions in pages, ListFunctions with ALL those of all functions', async () => {
  const other = server.client('222222222222');
  const expected: string[] = [];
  for (name of ['a', 'b', 'c']) {
    await create({ Publish: name !== 'b' }, other);
    expected.push(`${name}:$LATEST`, ...(name === 'b' ? [] : [`${name}:1`]));
  }
  for (let timeout = 10; timeout < 22; timeout++) {
    await other.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'c', Timeout: timeout }));
    await publish({}, other);
    expected.push(`c:${timeout - 8}`);
  }
  const versions: string[] = [];
  let marker: string | undefined;
  do {
    const page = await other.send(
      new ListVersionsByFunctionCommand({ FunctionName: 'c', MaxItems: 4, Marker: marker }),
    );
    assert.ok(page.Versions!.length <= 4);
    assert.equal(page.Versions![0]!.State, undefined);
    versions.push(...page.Versions!.map(({ FunctionArn }) => FunctionArn!.split(':').slice(6).join(':')));
    marker = page.NextMarker;
  } while (marker !== undefined);
  assert.deepEqual(versions, expected.slice(3));
  for (const size of [1, 2, 3, 50]) {
    const all: string[] = [];
    do {
      const page: ListFunctionsCommandOutput = await other.send(
        new ListFunctionsCommand({ FunctionVersion: 'ALL', MaxItems: size, Marker: marker }),
      );
      all.push(...page.Functions!.map(({ FunctionName, Version }) => `${FunctionName}:${Version}`));
      marker = page.NextMarker;
    } while (marker !== undefined);
    assert.deepEqual(all, expected, `${size} in a page`);
  }
  const latest = await other.send(new ListFunctionsCommand({}));
  assert.deepEqual(
    latest.Functions!.map(({ Version }) => Version),
    ['$LATEST', '$LATEST', '$LATEST'],
  );
});

test('code is changed, published and reserved for of a function only, not of a version', async () => {
  await publish();
  const refusal = (message: RegExp) => refused('InvalidParameterValueException', message);
  name = `${name}:1`;
  const reserve = () =>
    client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 5 }));
  for (const change of [() => update(TWO), () => configure({ Timeout: 5 }), () => publish(), () => listed()]) {
    await assert.rejects(change, refusal(/^Current operation does not support versions other than \$LATEST\.$/));
  }
  await assert.rejects(reserve, refusal(/^This operation is permitted on Lambda functions only/));
});

test('versions and the code that only they have outlive the server, and count for the account’s storage', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-versions-'));
  const blobs = async () =>
    (await readdir(`${data}/code/blobs`, { recursive: true })).filter((file) => file.includes('/')).length;
  const used = async (by: LambdaClient) => (await by.send(new GetAccountSettingsCommand({}))).AccountUsage;
  try {
    {
      await using first = await ApiServer.start({ data });
      client = first.client();
      await create({ Environment: { Variables: { NAME: '1' } } });
      await publish();
      await update(TWO, true);
      await remove('2');
      await update(THREE);
      assert.deepEqual(await used(client), { TotalCodeSize: THREE.length + ONE.length, FunctionCount: 1 });
    }
    await using second = await ApiServer.start({ data });
    client = second.client();
    assert.deepEqual(await listed(), ['$LATEST', '1']);
    assert.equal(await blobs(), 2);
    const { Code, Configuration } = await client.send(new GetFunctionCommand({ FunctionName: name, Qualifier: '1' }));
    assert.deepEqual(Configuration!.Environment, { Variables: { NAME: '1' } });
    assert.deepEqual(Buffer.from(await (await fetch(Code!.Location!)).arrayBuffer()), ONE);
    assert.ok(second.functions.readCode('000000000000', createHash('sha256').update(ONE).digest('hex')));
    assert.equal((await publish()).Version, '3');
    assert.deepEqual(await used(client), { TotalCodeSize: 2 * THREE.length + ONE.length, FunctionCount: 1 });
    await remove();
    assert.deepEqual(await used(client), { TotalCodeSize: 0, FunctionCount: 0 });
  } finally {
    client = server.client();
    await rm(data, { recursive: true });
  }
});
