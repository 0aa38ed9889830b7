import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  PutRuntimeManagementConfigCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import type { CreateFunctionCommandInput, LambdaClient, LoggingConfig } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';

let server: ApiServer;
let client: LambdaClient;
let zip: Buffer;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
  zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });
});
after(() => server[Symbol.asyncDispose]());

const ROLE = 'arn:aws:iam::000000000000:role/lambda';
let names = 0;
const newName = () => `function-${names++}`;

function request(name: string, over: Partial<CreateFunctionCommandInput> = {}): CreateFunctionCommandInput {
  return {
    FunctionName: name,
    Role: ROLE,
    Runtime: 'nodejs26.x',
    Handler: 'index.handler',
    Code: { ZipFile: zip },
    ...over,
  };
}

const create = (name: string, over: Partial<CreateFunctionCommandInput> = {}, by = client) =>
  by.send(new CreateFunctionCommand(request(name, over)));

/** Rejects with this error of AWS's and a message that matches. */
async function refused(answer: Promise<unknown>, name: string, message: RegExp, status?: number): Promise<void> {
  await assert.rejects(answer, (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
    assert.equal(error.name, name);
    assert.match(error.message, message);
    if (status !== undefined) assert.equal(error.$metadata?.httpStatusCode, status);
    return true;
  });
}

test('a new function is answered Pending with the defaults of AWS, and is Active for the waiter (L1, L2, T4)', async () => {
  const name = newName();
  const { $metadata, LastModified, RevisionId, ...made } = await create(name);
  assert.equal($metadata.httpStatusCode, 201);
  assert.match(LastModified!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  assert.match(RevisionId!, /^[0-9a-f-]{36}$/);
  assert.match(made.RuntimeVersionConfig!.RuntimeVersionArn!, /^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/);
  delete made.RuntimeVersionConfig;
  assert.deepEqual(made, {
    FunctionName: name,
    FunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    Runtime: 'nodejs26.x',
    Role: ROLE,
    Handler: 'index.handler',
    CodeSize: zip.length,
    CodeSha256: createHash('sha256').update(zip).digest('base64'),
    Description: '',
    Timeout: 3,
    MemorySize: 128,
    Version: '$LATEST',
    TracingConfig: { Mode: 'PassThrough' },
    PackageType: 'Zip',
    Architectures: ['x86_64'],
    EphemeralStorage: { Size: 512 },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${name}` },
    State: 'Pending',
    StateReason: 'The function is being created.',
    StateReasonCode: 'Creating',
  });
  const waited = await waitUntilFunctionActiveV2({ client, maxWaitTime: 5 }, { FunctionName: name });
  assert.equal(waited.state, 'SUCCESS');
  const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.equal(now.State, 'Active');
  assert.equal(now.StateReasonCode, undefined);
  assert.equal(now.LastUpdateStatus, 'Successful');
  assert.equal(now.RevisionId, RevisionId);
});

test('GetFunction has a link that downloads the code without credentials, for ten minutes, and nothing else', async () => {
  const name = newName();
  await create(name, { Tags: { team: 'a' } });
  const { Code, Tags, Configuration, Concurrency } = await client.send(new GetFunctionCommand({ FunctionName: name }));
  assert.deepEqual(Tags, { team: 'a' });
  assert.equal(Configuration?.FunctionName, name);
  assert.equal(Concurrency, undefined);
  const location = Code!.Location!;
  const download = await fetch(location);
  assert.equal(download.headers.get('content-type'), 'application/zip');
  assert.deepEqual(Buffer.from(await download.arrayBuffer()), zip);
  const other = new URL(location);
  other.pathname = `/_hearth/code/${'0'.repeat(64)}`;
  const later = new URL(location);
  later.searchParams.set('expires', '99999999999');
  for (const url of [other, later]) assert.equal((await fetch(url)).status, 403);
  server.skew = 601_000;
  try {
    assert.equal((await fetch(location)).status, 403);
  } finally {
    server.skew = 0;
  }
});

test('an update of code is answered InProgress, changes hash, size and revision, and is Successful for the waiter', async () => {
  const name = newName();
  const made = await create(name);
  const next = await zipOf({ 'index.js': 'exports.handler = async () => 2;' });
  const updated = await client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: next }));
  assert.equal(updated.LastUpdateStatus, 'InProgress');
  assert.equal(updated.State, 'Active');
  assert.equal(updated.CodeSha256, createHash('sha256').update(next).digest('base64'));
  assert.equal(updated.CodeSize, next.length);
  assert.notEqual(updated.RevisionId, made.RevisionId);
  const waited = await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 5 }, { FunctionName: name });
  assert.equal(waited.state, 'SUCCESS');
});

test('DryRun of an update checks and changes nothing', async () => {
  const name = newName();
  const made = await create(name);
  const next = await zipOf({ 'a.js': '1' });
  const dry = await client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: next, DryRun: true }));
  assert.equal(dry.CodeSize, next.length);
  const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.equal(now.CodeSha256, made.CodeSha256);
  assert.equal(now.RevisionId, made.RevisionId);
  const broken = new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: Buffer.from('no zip'), DryRun: true });
  await refused(client.send(broken), 'InvalidParameterValueException', /^Could not unzip uploaded file/);
});

test('an update of the configuration changes what it names and keeps the rest', async () => {
  const name = newName();
  await create(name, { Environment: { Variables: { NAME: '1' } }, MemorySize: 256 });
  const update = new UpdateFunctionConfigurationCommand({
    FunctionName: name,
    Timeout: 30,
    EphemeralStorage: { Size: 1024 },
    LoggingConfig: { LogGroup: '/my/group' },
  });
  const updated = await client.send(update);
  assert.equal(updated.Timeout, 30);
  assert.equal(updated.MemorySize, 256);
  assert.deepEqual(updated.Environment, { Variables: { NAME: '1' } });
  assert.deepEqual(updated.LoggingConfig, { LogFormat: 'Text', LogGroup: '/my/group' });
  const cleared = await client.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: name, Environment: { Variables: {} } }),
  );
  assert.equal(cleared.Environment, undefined);
});

// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
test('LoggingConfig: JSON has levels, INFO unless asked for; Text has none, and refuses them', async () => {
  const name = newName();
  const made = await create(name, { LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'WARN' } });
  const group = `/aws/lambda/${name}`;
  const shown = { LogFormat: 'JSON', ApplicationLogLevel: 'WARN', SystemLogLevel: 'INFO', LogGroup: group };
  assert.deepEqual(made.LoggingConfig, shown);
  const update = (LoggingConfig: LoggingConfig) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, LoggingConfig }));
  const levels = await update({ SystemLogLevel: 'DEBUG', ApplicationLogLevel: 'TRACE' });
  assert.deepEqual(levels.LoggingConfig, { ...shown, ApplicationLogLevel: 'TRACE', SystemLogLevel: 'DEBUG' });
  const grouped = await update({ LogGroup: '/shared/group' });
  assert.deepEqual(grouped.LoggingConfig, { ...levels.LoggingConfig, LogGroup: '/shared/group' });
  const text = /^LogLevel is not supported when LogFormat is set to "Text"\. Remove LogLevel from your request or/;
  const code = 'InvalidParameterValueException';
  await refused(update({ LogFormat: 'Text', SystemLogLevel: 'INFO' }), code, text);
  assert.deepEqual((await update({ LogFormat: 'Text' })).LoggingConfig, {
    LogFormat: 'Text',
    LogGroup: '/shared/group',
  });
  await refused(update({ ApplicationLogLevel: 'INFO' }), code, text);
  const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  assert.deepEqual(now.LoggingConfig, { LogFormat: 'Text', LogGroup: '/shared/group' });
  assert.deepEqual((await update({ LogFormat: 'JSON' })).LoggingConfig, {
    ...shown,
    ApplicationLogLevel: 'INFO',
    LogGroup: '/shared/group',
  });
});

test('LoggingConfig with a format, a level or a group that is none is refused', async () => {
  for (const wrong of [
    { LogFormat: 'XML' },
    { LogFormat: 'JSON', ApplicationLogLevel: 'LOUD' },
    { LogFormat: 'JSON', SystemLogLevel: 'ERROR' },
    { LogGroup: 'with spaces' },
    { LogGroup: '' },
  ]) {
    await refused(
      create(newName(), { LoggingConfig: wrong as LoggingConfig }),
      'ValidationException',
      /^\d validation error/,
    );
  }
});

test('a RevisionId that is not the current one stops an update', async () => {
  const name = newName();
  const { RevisionId } = await create(name);
  const update = (revision: string) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Timeout: 9, RevisionId: revision }));
  await refused(update('other'), 'PreconditionFailedException', /^The Revision Id provided does not match/, 412);
  await update(RevisionId!);
  await refused(update(RevisionId!), 'PreconditionFailedException', /latest Revision Id/, 412);
});

test('a name that is taken, also by a create under way, is a conflict', async () => {
  const name = newName();
  const both = await Promise.allSettled([create(name), create(name)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await refused(create(name), 'ResourceConflictException', new RegExp(`^Function already exist: ${name}$`), 409);
});

test('two updates at once: the second is told that one is in progress', async () => {
  const name = newName();
  await create(name);
  const update = () => client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: zip }));
  const both = await Promise.allSettled([update(), update()]);
  const rejected = both.find((result) => result.status === 'rejected');
  assert.match(
    String(rejected?.reason),
    /ResourceConflictException: .* An update is in progress for resource: arn:aws/,
  );
});

test('a deleted function is gone, and its name free', async () => {
  const name = newName();
  await create(name);
  const { StatusCode } = await client.send(new DeleteFunctionCommand({ FunctionName: name }));
  assert.equal(StatusCode, 204);
  await refused(
    client.send(new GetFunctionCommand({ FunctionName: name })),
    'ResourceNotFoundException',
    new RegExp(`^Function not found: arn:aws:lambda:us-east-1:000000000000:function:${name}$`),
    404,
  );
  await create(name);
});

test('functions are listed in pages, each once, without their states', async () => {
  const other = server.client('222222222222');
  for (const name of ['e', 'a', 'd', 'b', 'c']) await create(name, {}, other);
  const pages: string[][] = [];
  let Marker: string | undefined;
  do {
    const page = await other.send(
      new ListFunctionsCommand({ MaxItems: 2, ...(Marker === undefined ? {} : { Marker }) }),
    );
    pages.push(page.Functions!.map(({ FunctionName }) => FunctionName!));
    assert.equal(page.Functions![0]!.State, undefined);
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  assert.deepEqual(pages, [['a', 'b'], ['c', 'd'], ['e']]);
  const all = await other.send(new ListFunctionsCommand({ FunctionVersion: 'ALL' }));
  assert.equal(all.Functions![0]!.FunctionArn, 'arn:aws:lambda:us-east-1:222222222222:function:a:$LATEST');
  await refused(other.send(new ListFunctionsCommand({ Marker: '!' })), 'InvalidParameterValueException', /Marker/);
});

test('an account sees its own functions only, and a region those of that region', async () => {
  const [one, two] = [server.client('333333333333'), server.client('444444444444')];
  await create('mine', {}, one);
  await create('mine', { MemorySize: 512 }, two);
  const west = server.client('333333333333', 'eu-west-1');
  await refused(west.send(new GetFunctionCommand({ FunctionName: 'mine' })), 'ResourceNotFoundException', /eu-west-1/);
  assert.deepEqual((await west.send(new ListFunctionsCommand({}))).Functions, []);
  const theirs = await two.send(new GetFunctionConfigurationCommand({ FunctionName: 'mine' }));
  assert.equal(theirs.MemorySize, 512);
  const arn = 'arn:aws:lambda:us-east-1:333333333333:function:mine';
  const message = /is not authorized to perform: lambda:GetFunction on resource: .* because no resource-based policy/;
  await refused(two.send(new GetFunctionCommand({ FunctionName: arn })), 'AccessDeniedException', message, 403);
  await refused(
    west.send(new GetFunctionCommand({ FunctionName: arn })),
    'ResourceNotFoundException',
    /^Functions from 'us-east-1' are not reachable in this region \('eu-west-1'\)$/,
  );
});

test('a function is found by every form of its name', async () => {
  const name = newName();
  await create(name);
  const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  for (const form of [name, `000000000000:${name}`, `function:${name}`, `000000000000:function:${name}`, arn]) {
    const plain = await client.send(new GetFunctionConfigurationCommand({ FunctionName: form }));
    assert.equal(plain.FunctionArn, arn, form);
    const latest = await client.send(new GetFunctionConfigurationCommand({ FunctionName: `${form}:$LATEST` }));
    assert.equal(latest.FunctionArn, `${arn}:$LATEST`, form);
  }
  const get = (Qualifier: string, FunctionName = name) =>
    client.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier }));
  await refused(get('7'), 'ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:7$`));
  await refused(get('live'), 'ResourceNotFoundException', new RegExp(`^Function not found: ${arn}:live$`));
  await refused(get('1', `${name}:2`), 'InvalidParameterValueException', /derived qualifier .* does not match/);
});

test('tags are added, listed and removed', async () => {
  const { FunctionArn: Resource } = await create(newName(), { Tags: { a: '1' } });
  await client.send(new TagResourceCommand({ Resource, Tags: { b: '2', a: '3' } }));
  assert.deepEqual((await client.send(new ListTagsCommand({ Resource }))).Tags, { a: '3', b: '2' });
  await client.send(new UntagResourceCommand({ Resource, TagKeys: ['a', 'x'] }));
  assert.deepEqual((await client.send(new ListTagsCommand({ Resource }))).Tags, { b: '2' });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, '']));
  await refused(
    client.send(new TagResourceCommand({ Resource, Tags: many })),
    'InvalidParameterValueException',
    /^Number of tags exceeds/,
  );
});

test('GetAccountSettings counts what there is', async () => {
  const other = server.client('555555555555');
  await create('one', {}, other);
  await create('two', {}, other);
  await other.send(new DeleteFunctionCommand({ FunctionName: 'one' }));
  const { AccountLimit, AccountUsage } = await other.send(new GetAccountSettingsCommand({}));
  assert.deepEqual(AccountUsage, { TotalCodeSize: zip.length, FunctionCount: 1 });
  assert.equal(AccountLimit!.ConcurrentExecutions, 1000);
  assert.equal(AccountLimit!.CodeSizeUnzipped, 262_144_000);
});

test('a request that breaks constraints is told all of them, in the words of AWS', async () => {
  const invalid = create('no spaces', { MemorySize: 64, Timeout: 0, Architectures: ['mips' as 'arm64'] });
  await refused(invalid, 'ValidationException', /^4 validation errors detected: /, 400);
  await refused(
    create('no spaces'),
    'ValidationException',
    /^1 validation error detected: Value 'no spaces' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \(arn:/,
  );
  await refused(
    create(newName(), { MemorySize: 64 }),
    'ValidationException',
    /: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128$/,
  );
  await refused(
    create(newName(), { Architectures: ['mips' as 'arm64'] }),
    'ValidationException',
    /: Value '\[mips\]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\], Member must not be null\]$/,
  );
  await refused(create('n'.repeat(65)), 'ValidationException', /Member must have length less than or equal to 64$/);
  await refused(
    create(newName(), { EphemeralStorage: { Size: 1 } }),
    'ValidationException',
    /'ephemeralStorage\.size'/,
  );
});

const bad = (over: Partial<CreateFunctionCommandInput>, message: RegExp) =>
  refused(create(newName(), over), 'InvalidParameterValueException', message, 400);

test('values that only the service can judge are refused in the words of AWS', async () => {
  await bad({ Handler: undefined }, /^Runtime and Handler are mandatory parameters/);
  await bad(
    { Runtime: 'python3.12' },
    /^Value python3.12 at 'runtime' failed to satisfy constraint: .* or be a valid ARN/,
  );
  await bad({ MemorySize: 10_241 }, /^'MemorySize' value failed .* less than or equal to 10240$/);
  await bad({ Timeout: 901 }, /^'Timeout' value failed .* less than or equal to 900$/);
  await bad({ Environment: { Variables: { AWS_REGION: 'x' } } }, /Reserved keys used in this request: AWS_REGION$/);
  await bad({ Environment: { Variables: { BIG: 'x'.repeat(5000) } } }, /exceeded the 4KB limit/);
  await bad(
    { Code: { ZipFile: Buffer.from('PK not a zip') } },
    /^Could not unzip uploaded file\. Please check your file/,
  );
  await bad({ Code: { ZipFile: await zipOf({}) } }, /^Uploaded file must be a non-empty zip$/);
  await bad({ Code: {} }, /^Please provide a source for function code\.$/);
  await bad({ Code: { S3Bucket: 'bucket', S3Key: 'k' } }, /^Code from S3 .* is not supported by Hearth yet/);
  await bad({ Architectures: ['arm64'] }, /this machine runs x86_64 only/);
});

test('a package of 48 MB is taken, and one over the limit refused', async () => {
  const name = newName();
  const large = await zipOf({ 'large.bin': randomBytes(48_000_000) });
  const { CodeSha256 } = await create(name, { Code: { ZipFile: large } });
  assert.equal(CodeSha256, createHash('sha256').update(large).digest('base64'));
  const over = Buffer.concat([large, Buffer.alloc(4_500_000)]);
  await bad({ Code: { ZipFile: over } }, /^Zipped size must be smaller than 52428800 bytes$/);
});

test('a package that would unpack to more than 250 MB is refused by its directory', async () => {
  const file = await zipOf({ 'a.bin': Buffer.alloc(1000) });
  // The uncompressed size in the central directory: offset 24 of its only entry.
  file.writeUInt32LE(262_144_001, file.indexOf(Buffer.from('PK\x01\x02')) + 24);
  await refused(
    create(newName(), { Code: { ZipFile: file } }),
    'InvalidParameterValueException',
    /^Unzipped size must be smaller than 262144000 bytes$/,
  );
});

test('what was answered is there after a start of the server', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hearth-restart-'));
  try {
    let revision: string | undefined;
    {
      await using first = await ApiServer.start({ data: directory });
      const made = await create('lasting', { Tags: { a: 'b' } }, first.client());
      await create('gone', { Code: { ZipFile: await zipOf({ 'other.js': '1' }) } }, first.client());
      await first.client().send(new DeleteFunctionCommand({ FunctionName: 'gone' }));
      revision = made.RevisionId;
    }
    await using second = await ApiServer.start({ data: directory });
    const { Configuration, Code, Tags } = await second
      .client()
      .send(new GetFunctionCommand({ FunctionName: 'lasting' }));
    assert.equal(Configuration!.RevisionId, revision);
    assert.deepEqual(Tags, { a: 'b' });
    assert.equal((await (await fetch(Code!.Location!)).arrayBuffer()).byteLength, zip.length);
    await refused(
      second.client().send(new GetFunctionCommand({ FunctionName: 'gone' })),
      'ResourceNotFoundException',
      /gone/,
    );
    const blobs = await readdir(`${directory}/code/blobs`, { recursive: true });
    assert.equal(blobs.filter((name) => name.includes('/')).length, 1, 'code of the deleted function is collected');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('an operation that is not built is answered 501 by name', async () => {
  await refused(
    client.send(new PutRuntimeManagementConfigCommand({ FunctionName: 'x', UpdateRuntimeOn: 'Auto' })),
    'NotImplementedException',
    /^Operation PutRuntimeManagementConfig is not supported by Hearth yet/,
    501,
  );
});
