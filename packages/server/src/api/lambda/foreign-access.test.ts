/**
 * Functions between accounts, where signatures are checked.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-cross-account.html
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetPolicyCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { AddPermissionCommandInput, InvokeCommandInput } from '@aws-sdk/client-lambda';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { ApiServer, zipOf } from '../testing/api-server.ts';

const [ONE, TWO] = (await Promise.all(
  [1, 2].map((n) => zipOf({ 'index.js': `exports.handler = async () => ${n};` })),
)) as [Buffer, Buffer];
let server: ApiServer;
/** Two accounts with a key each. */
let owner: Awaited<ReturnType<typeof account>>;
let other: Awaited<ReturnType<typeof account>>;
before(async () => {
  server = await ApiServer.start({ auth: 'sigv4' });
  owner = await account('owner');
  other = await account('other');
});
after(() => server[Symbol.asyncDispose]());

async function account(name: string) {
  const { id } = await server.accounts.create(name);
  const key = await server.accounts.createKey(id);
  const credentials = { accessKeyId: key.id, secretAccessKey: key.secret };
  const options = { endpoint: server.url, region: 'us-east-1', maxAttempts: 1, credentials };
  return { id, options, client: new LambdaClient(options) };
}

let name: string;
let arn: string;
let names = 0;
beforeEach(async () => {
  name = `f${names++}`;
  arn = `arn:aws:lambda:us-east-1:${owner.id}:function:${name}`;
  server.invocations.length = 0;
  await owner.client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: `arn:aws:iam::${owner.id}:role/lambda`,
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: ONE },
      Publish: true,
    }),
  );
});

const allow = (over: Partial<AddPermissionCommandInput> = {}) =>
  owner.client.send(
    new AddPermissionCommand({
      FunctionName: name,
      StatementId: `s${names++}`,
      Action: 'lambda:InvokeFunction',
      Principal: other.id,
      ...over,
    }),
  );
const invoke = (FunctionName = arn, over: Partial<InvokeCommandInput> = {}, by = other.client) =>
  by.send(new InvokeCommand({ FunctionName, Payload: '{"a":1}', ...over }));
/** AWS's answer to somebody who may not. */
const denied = (action: string, resource = arn, user = `arn:aws:iam::${other.id}:root`) => ({
  name: 'AccessDeniedException',
  message:
    `User: ${user} is not authorized to perform: lambda:${action} on resource: ${resource} because no resource-based ` +
    `policy allows the lambda:${action} action`,
});

test('another account invokes a function exactly while a permission allows it', async () => {
  await assert.rejects(invoke(), denied('InvokeFunction'));
  await allow({ StatementId: 'x' });
  const { Payload, ExecutedVersion } = await invoke();
  assert.equal(Buffer.from(Payload!).toString(), '{"a":1}');
  assert.equal(ExecutedVersion, '$LATEST');
  const { spec, invokedArn } = server.invocations.at(-1)!;
  assert.deepEqual([spec.account, invokedArn], [owner.id, arn], 'it runs as the owner’s');
  await invoke(`${owner.id}:function:${name}`);
  const stream = await other.client.send(new InvokeWithResponseStreamCommand({ FunctionName: arn }));
  for await (const _ of stream.EventStream!);
  await owner.client.send(new RemovePermissionCommand({ FunctionName: name, StatementId: 'x' }));
  await assert.rejects(invoke(), denied('InvokeFunction'));
});

test('a name alone is never another account’s function, and none is listed', async () => {
  await allow({ Action: 'lambda:*', Principal: '*' });
  await assert.rejects(invoke(name), {
    name: 'ResourceNotFoundException',
    message: `Function not found: arn:aws:lambda:us-east-1:${other.id}:function:${name}`,
  });
  assert.deepEqual((await other.client.send(new ListFunctionsCommand({}))).Functions, []);
});

test('whether a function is there is not told to those who may not use it', async () => {
  const missing = arn.replace(name, 'missing');
  await assert.rejects(invoke(missing), denied('InvokeFunction', missing));
  await allow();
  await assert.rejects(invoke(`${arn}:9`), denied('InvokeFunction', `${arn}:9`));
});

test('a permission is for what it names: an alias, a version, or the unqualified function', async () => {
  await owner.client.send(new CreateAliasCommand({ FunctionName: name, Name: 'live', FunctionVersion: '1' }));
  await allow({ Qualifier: 'live' });
  assert.equal((await invoke(`${arn}:live`)).ExecutedVersion, '1');
  for (const resource of [arn, `${arn}:1`, `${arn}:$LATEST`]) {
    await assert.rejects(invoke(resource), denied('InvokeFunction', resource));
  }
  // The owner moves it, and the caller need not know.
  await owner.client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: TWO, Publish: true }));
  await owner.client.send(new UpdateAliasCommand({ FunctionName: name, Name: 'live', FunctionVersion: '2' }));
  assert.equal((await invoke(`${arn}:live`)).ExecutedVersion, '2');
  await allow();
  assert.equal((await invoke()).ExecutedVersion, '$LATEST');
  await assert.rejects(invoke(`${arn}:$LATEST`), denied('InvokeFunction', `${arn}:$LATEST`));
});

test('only what a permission names is allowed, and some things never', async () => {
  const get = () => other.client.send(new GetFunctionConfigurationCommand({ FunctionName: arn }));
  await allow();
  await assert.rejects(get(), denied('GetFunctionConfiguration'));
  await allow({ Action: 'lambda:GetFunctionConfiguration' });
  assert.equal((await get()).FunctionArn, arn);
  await assert.rejects(other.client.send(new GetFunctionCommand({ FunctionName: arn })), denied('GetFunction'));
  await allow({ Action: 'lambda:*' });
  const { Configuration, Code } = await other.client.send(new GetFunctionCommand({ FunctionName: arn }));
  assert.equal(Configuration!.FunctionArn, arn);
  assert.deepEqual(Buffer.from(await (await fetch(Code!.Location!)).arrayBuffer()), ONE);
  await other.client.send(new UpdateFunctionCodeCommand({ FunctionName: arn, ZipFile: TWO }));
  assert.equal((await other.client.send(new PublishVersionCommand({ FunctionName: arn }))).FunctionArn, `${arn}:2`);
  const { Versions } = await other.client.send(new ListVersionsByFunctionCommand({ FunctionName: arn }));
  assert.equal(Versions!.length, 3);
  await other.client.send(new PutFunctionConcurrencyCommand({ FunctionName: arn, ReservedConcurrentExecutions: 1 }));
  assert.ok((await other.client.send(new GetPolicyCommand({ FunctionName: arn }))).Policy);
  await assert.rejects(
    other.client.send(new UpdateFunctionConfigurationCommand({ FunctionName: arn, Timeout: 5 })),
    denied('UpdateFunctionConfiguration'),
  );
  const grant = { FunctionName: arn, StatementId: 'mine', Action: 'lambda:*', Principal: '*' };
  await assert.rejects(other.client.send(new AddPermissionCommand(grant)), denied('AddPermission'));
  await assert.rejects(
    other.client.send(new RemovePermissionCommand({ FunctionName: arn, StatementId: 'x' })),
    denied('RemovePermission'),
  );
  await other.client.send(new DeleteFunctionCommand({ FunctionName: arn }));
  await assert.rejects(invoke(name, {}, owner.client), { name: 'ResourceNotFoundException' });
});

test('a permission for a role is for its sessions', async () => {
  const role = `arn:aws:iam::${other.id}:role/worker`;
  const sts = new STSClient(other.options);
  const session = async (RoleArn: string) => {
    const { Credentials: issued } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'now' }));
    const credentials = {
      accessKeyId: issued!.AccessKeyId!,
      secretAccessKey: issued!.SecretAccessKey!,
      sessionToken: issued!.SessionToken!,
    };
    return new LambdaClient({ ...other.options, credentials });
  };
  await allow({ Principal: role });
  await invoke(arn, {}, await session(role));
  await assert.rejects(invoke(), denied('InvokeFunction'));
  const user = `arn:aws:sts::${other.id}:assumed-role/idler/now`;
  const idler = await session(`arn:aws:iam::${other.id}:role/idler`);
  await assert.rejects(invoke(arn, {}, idler), denied('InvokeFunction', arn, user));
});

test('permissions for services, sources, organisations and URLs let no other account in', async () => {
  await allow({ Principal: 's3.amazonaws.com' });
  await allow({ SourceArn: 'arn:aws:s3:::bucket' });
  await allow({ SourceAccount: other.id });
  await allow({ Principal: '*', PrincipalOrgID: 'o-a1b2c3d4e5f' });
  await allow({ Principal: '*', InvokedViaFunctionUrl: true });
  await allow({ Principal: '*', Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' });
  await assert.rejects(invoke(), denied('InvokeFunction'));
});

test('the log of a function is not shown to another account', async () => {
  await allow();
  const refusal = { name: 'AccessDeniedException', message: 'Cross-account log access is not allowed' };
  await assert.rejects(invoke(arn, { LogType: 'Tail' }), refusal);
  const stream = new InvokeWithResponseStreamCommand({ FunctionName: arn, LogType: 'Tail' });
  await assert.rejects(other.client.send(stream), refusal);
  assert.equal(server.invocations.length, 0);
  await invoke(arn, { LogType: 'None' });
});
