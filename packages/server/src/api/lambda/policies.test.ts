/** Resource policies by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  GetPolicyCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import type { AddPermissionCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
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
beforeEach(async () => {
  name = `f${names++}`;
  arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  await createFunction();
});

const createFunction = () => client.send(new CreateFunctionCommand(newFunction(name, zip, { Publish: true })));
const alias = (Name = 'live') =>
  client.send(new CreateAliasCommand({ FunctionName: name, Name, FunctionVersion: '1' }));
const add = (over: Partial<AddPermissionCommandInput> = {}) =>
  client.send(
    new AddPermissionCommand({
      FunctionName: name,
      StatementId: 's1',
      Action: 'lambda:InvokeFunction',
      Principal: 's3.amazonaws.com',
      ...over,
    }),
  );
const get = async (Qualifier?: string, FunctionName = name) => {
  const answer = await client.send(new GetPolicyCommand({ FunctionName, Qualifier }));
  return { text: answer.Policy!, revision: answer.RevisionId!, ...(JSON.parse(answer.Policy!) as Document) };
};
const remove = (StatementId = 's1', over: { Qualifier?: string; RevisionId?: string } = {}) =>
  client.send(new RemovePermissionCommand({ FunctionName: name, StatementId, ...over }));
const refused = (code: string, message: RegExp) => ({ name: code, message });
const invalid = (message: RegExp) => refused('InvalidParameterValueException', message);
const none = refused('ResourceNotFoundException', /^The resource you requested does not exist\.$/);

interface Document {
  Version: string;
  Id: string;
  Statement: Record<string, unknown>[];
}

test('a permission is added, shown in AWS’s form, and removed (API_AddPermission, API_GetPolicy)', async () => {
  await assert.rejects(get(), none);
  const added = await add({ SourceArn: 'arn:aws:s3:::bucket', SourceAccount: '111111111111' });
  assert.equal(added.$metadata.httpStatusCode, 201);
  const statement =
    `{"Sid":"s1","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",` +
    `"Resource":"${arn}","Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"},` +
    `"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}`;
  assert.equal(added.Statement, statement);
  const first = await get();
  assert.equal(first.text, `{"Version":"2012-10-17","Id":"default","Statement":[${statement}]}`);
  assert.match(first.revision, /^[0-9a-f-]{36}$/);
  await add({ StatementId: 's2', Principal: '222222222222' });
  const second = await get();
  assert.deepEqual(
    second.Statement.map(({ Sid }) => Sid),
    ['s1', 's2'],
  );
  assert.notEqual(second.revision, first.revision);
  assert.equal((await remove('s1')).$metadata.httpStatusCode, 204);
  assert.deepEqual(
    (await get()).Statement.map(({ Sid }) => Sid),
    ['s2'],
  );
  await assert.rejects(
    remove('s1'),
    refused('ResourceNotFoundException', /^Statement s1 is not found in resource policy\.$/),
  );
  await remove('s2');
  await assert.rejects(get(), none);
  await assert.rejects(
    remove('s2'),
    refused('ResourceNotFoundException', /^No policy is associated with the given resource\.$/),
  );
});

test('every kind of principal and condition is rendered as AWS does (API_AddPermission)', async () => {
  const rendered = async (over: Partial<AddPermissionCommandInput>) => {
    const { Statement } = await add(over);
    await remove();
    const { Principal, Condition } = JSON.parse(Statement!) as Record<string, unknown>;
    return [Principal, Condition];
  };
  const role = 'arn:aws:iam::222222222222:role/team/worker';
  const url = 'lambda:InvokeFunctionUrl';
  assert.deepEqual(await rendered({ Principal: '222222222222' }), [
    { AWS: 'arn:aws:iam::222222222222:root' },
    undefined,
  ]);
  assert.deepEqual(await rendered({ Principal: role }), [{ AWS: role }, undefined]);
  assert.deepEqual(await rendered({ Principal: '*', PrincipalOrgID: 'o-a1b2c3d4e5f' }), [
    '*',
    { StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5f' } },
  ]);
  assert.deepEqual(await rendered({ Principal: '*', Action: url, FunctionUrlAuthType: 'NONE' }), [
    '*',
    { StringEquals: { 'lambda:FunctionUrlAuthType': 'NONE' } },
  ]);
  assert.deepEqual(await rendered({ Principal: '*', InvokedViaFunctionUrl: true }), [
    '*',
    { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
  ]);
  assert.deepEqual(await rendered({ Principal: 'alexa-connectedhome.amazon.com', EventSourceToken: 'amzn1.skill' }), [
    { Service: 'alexa-connectedhome.amazon.com' },
    { StringEquals: { 'lambda:EventSourceToken': 'amzn1.skill' } },
  ]);
});

test('what makes no sense in a permission is refused in AWS’s words', async () => {
  for (const Principal of ['nobody', 'amazonaws.com', 's3.example.com', '12345', 'arn:aws:s3:::bucket']) {
    await assert.rejects(
      add({ Principal }),
      invalid(/^The provided principal was invalid\. Please check the principal/),
    );
  }
  await assert.rejects(
    add({ FunctionUrlAuthType: 'NONE' }),
    invalid(/^FunctionUrlAuthType is only supported for lambda:/),
  );
  await assert.rejects(
    add({ Action: 'lambda:GetFunction', InvokedViaFunctionUrl: true }),
    invalid(/^InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action$/),
  );
  const unmodelled: Partial<AddPermissionCommandInput>[] = [
    { StatementId: 'a b' },
    { Action: 's3:GetObject' },
    { SourceAccount: '1' },
    { PrincipalOrgID: 'x' },
    { SourceArn: 'bucket' },
  ];
  for (const over of unmodelled) await assert.rejects(add(over), { name: 'ValidationException' });
  await add();
  await assert.rejects(
    add({ Principal: '*' }),
    refused(
      'ResourceConflictException',
      /^The statement id \(s1\) provided already exists\. Please provide a new statement id, or remove the existing statement\.$/,
    ),
  );
  await assert.rejects(add({ FunctionName: 'none' }), { name: 'ResourceNotFoundException' });
});

test('a function, each version and each alias have policies of their own, which go with them', async () => {
  await alias();
  const live = await add({ FunctionName: `${name}:live` });
  assert.equal((JSON.parse(live.Statement!) as { Resource: string }).Resource, `${arn}:live`);
  await add({ Qualifier: '1', StatementId: 'v' });
  await add({ StatementId: 'f' });
  const ids = async (qualifier?: string) => (await get(qualifier)).Statement.map(({ Sid }) => Sid);
  assert.deepEqual([await ids(), await ids('live'), await ids('1')], [['f'], ['s1'], ['v']]);
  assert.deepEqual((await get(undefined, `${arn}:live`)).Statement.length, 1);
  await assert.rejects(remove('s1'), /is not found in resource policy/);
  await remove('v', { Qualifier: '1' });
  await assert.rejects(get('1'), none);
  await assert.rejects(
    add({ Qualifier: '$LATEST', StatementId: 'x' }),
    invalid(/^We currently do not support adding policies for \$LATEST\.$/),
  );
  for (const Qualifier of ['9', 'other']) {
    await assert.rejects(
      add({ Qualifier }),
      refused('ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:${Qualifier}$`)),
    );
  }
  // Whoever might invoke the old alias may not invoke a new one of that name.
  await client.send(new DeleteAliasCommand({ FunctionName: name, Name: 'live' }));
  await alias();
  await assert.rejects(get('live'), none);
  await client.send(new DeleteFunctionCommand({ FunctionName: name }));
  await createFunction();
  await assert.rejects(get(), none);
});

test('a policy is changed only where the RevisionId is its own (API_RemovePermission)', async () => {
  const stale = { name: 'PreconditionFailedException', message: /Call the GetPolicy API to retrieve the latest/ };
  await assert.rejects(add({ RevisionId: 'any' }), stale);
  await add();
  const { revision: RevisionId } = await get();
  await add({ StatementId: 's2', RevisionId });
  await assert.rejects(add({ StatementId: 's3', RevisionId }), stale);
  await assert.rejects(remove('s1', { RevisionId }), stale);
  await remove('s1', { RevisionId: (await get()).revision });
  const earlier = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  await add();
  const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.equal(now.RevisionId, earlier.RevisionId, 'it is no change of the function');
});

test('a policy has 20 KB at most (Lambda quotas)', async () => {
  const long = (n: number) => add({ StatementId: `s${n}`, SourceArn: `arn:aws:s3:::${'b'.repeat(4000)}` });
  for (let n = 0; n < 4; n++) await long(n);
  await assert.rejects(
    long(4),
    refused('PolicyLengthExceededException', /^The final policy size \(2\d{4}\) is bigger than the limit \(20480\)\.$/),
  );
  assert.equal((await get()).Statement.length, 4);
});

test('many permissions added at once are all there, and outlive the server', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-policies-'));
  try {
    {
      await using first = await ApiServer.start({ data });
      client = first.client();
      await createFunction();
      await Promise.all(Array.from({ length: 20 }, (_, n) => add({ StatementId: `s${n}` })));
    }
    await using second = await ApiServer.start({ data });
    client = second.client();
    const { Statement } = await get();
    assert.deepEqual(
      Statement.map(({ Sid }) => Sid as string).sort(),
      Array.from({ length: 20 }, (_, n) => `s${n}`).sort(),
    );
  } finally {
    client = server.client();
    await rm(data, { recursive: true });
  }
});
