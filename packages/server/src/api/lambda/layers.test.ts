/** Layers through the SDK. https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  AddLayerVersionPermissionCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  ListFunctionsCommand,
  ListLayersCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  RemoveLayerVersionPermissionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type {
  CreateFunctionCommandInput,
  LambdaClient,
  PublishLayerVersionCommandInput,
  PublishLayerVersionResponse,
} from '@aws-sdk/client-lambda';
import { ZipFile } from 'yazl';
import { ApiServer, zipOf } from '../testing/api-server.ts';

const MB = 1024 * 1024;
const OTHER = '111111111111';

let server: ApiServer;
let client: LambdaClient;
let zip: Buffer;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
  zip = await zipOf({ 'nodejs/node_modules/a/index.js': 'exports.a = 1' });
});
after(() => server[Symbol.asyncDispose]());

let names = 0;
const newName = () => `name-${names++}`;

const publish = (
  name: string,
  over: Partial<PublishLayerVersionCommandInput> = {},
  by = client,
): Promise<PublishLayerVersionResponse & { LayerVersionArn: string }> =>
  by.send(new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: zip }, ...over })) as never;

const create = async (name: string, layers: string[], over: Partial<CreateFunctionCommandInput> = {}, by = client) =>
  by.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: 'arn:aws:iam::000000000000:role/lambda',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': 'exports.handler = async (event) => event;' }) },
      Layers: layers,
      ...over,
    }),
  );

/** Rejects with this error of AWS's and a message that matches. */
async function refused(answer: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  await assert.rejects(answer, (error: Error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Files of so many bytes in all, which pack well. */
async function zipOfSize(...sizes: number[]): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [i, size] of sizes.entries()) archive.addBuffer(Buffer.alloc(size), `file-${i}`);
  archive.end();
  return buffer(archive.outputStream);
}

test('a layer version is published, read by name and by ARN, and downloaded', async () => {
  const name = newName();
  const { $metadata, CreatedDate, Content, ...made } = (await publish(name, {
    Description: 'what it is',
    LicenseInfo: 'MIT',
    CompatibleRuntimes: ['nodejs26.x', 'python3.13'],
    CompatibleArchitectures: ['x86_64'],
  })) as Awaited<ReturnType<typeof publish>> & { $metadata: { httpStatusCode?: number } };
  assert.equal($metadata.httpStatusCode, 201);
  assert.match(CreatedDate!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  const arn = `arn:aws:lambda:us-east-1:000000000000:layer:${name}`;
  assert.deepEqual(made, {
    LayerArn: arn,
    LayerVersionArn: `${arn}:1`,
    Version: 1,
    Description: 'what it is',
    LicenseInfo: 'MIT',
    CompatibleRuntimes: ['nodejs26.x', 'python3.13'],
    CompatibleArchitectures: ['x86_64'],
  });
  assert.equal(Content!.CodeSize, zip.length);
  assert.equal(Content!.CodeSha256, createHash('sha256').update(zip).digest('base64'));
  for (const read of [
    new GetLayerVersionCommand({ LayerName: name, VersionNumber: 1 }),
    new GetLayerVersionCommand({ LayerName: arn, VersionNumber: 1 }),
    new GetLayerVersionByArnCommand({ Arn: `${arn}:1` }),
  ]) {
    const found = await client.send(read as GetLayerVersionCommand);
    const { Content: content, $metadata: _, CreatedDate: created, ...rest } = found;
    assert.deepEqual(rest, made);
    assert.equal(created, CreatedDate);
    const download = await fetch(content!.Location!);
    assert.deepEqual(Buffer.from(await download.arrayBuffer()), zip);
  }
});

test('what is not given is left out; what is not there is told so', async () => {
  const name = newName();
  const made = await publish(name);
  assert.equal(made.Description, '');
  for (const member of ['LicenseInfo', 'CompatibleRuntimes', 'CompatibleArchitectures'] as const) {
    assert.equal(made[member], undefined);
  }
  const missing = /^The resource you requested does not exist\.$/;
  await refused(
    client.send(new GetLayerVersionCommand({ LayerName: name, VersionNumber: 2 })),
    'ResourceNotFoundException',
    missing,
  );
  const elsewhere = server.client(undefined, 'eu-west-1');
  await refused(
    elsewhere.send(new GetLayerVersionByArnCommand({ Arn: made.LayerVersionArn })),
    'ResourceNotFoundException',
    missing,
  );
  const { LayerVersions } = await client.send(new ListLayerVersionsCommand({ LayerName: newName() }));
  assert.deepEqual(LayerVersions, []);
  await refused(
    publish(name, { CompatibleRuntimes: ['cobol' as never] }),
    'ValidationException',
    /'\[cobol\]' at 'compatibleRuntimes' failed to satisfy constraint/,
  );
  await refused(
    publish(name, { Content: { S3Bucket: 'bucket', S3Key: 'key' } }),
    'InvalidParameterValueException',
    /S3.* is not supported by Hearth yet/,
  );
});

test('archives that could not be unpacked are refused as those of functions are', async () => {
  const escaping = Buffer.from(
    (await zipOf({ 'abcdef.js': '' })).toString('latin1').replaceAll('abcdef', '../../'),
    'latin1',
  );
  for (const [bytes, because] of [
    [Buffer.from('no zip'), /^Could not unzip uploaded file/],
    [escaping, /^Could not unzip uploaded file/],
    [await zipOfSize(200 * MB, 51 * MB), /^Unzipped size must be smaller than 262144000 bytes$/],
    [randomBytes(50 * MB + 1), /^Zipped size must be smaller than 52428800 bytes$/],
  ] as const) {
    await refused(publish('refused', { Content: { ZipFile: bytes } }), 'InvalidParameterValueException', because);
  }
  assert.equal((await publish('refused')).Version, 1, 'what was refused takes no number');
});

// https://docs.aws.amazon.com/lambda/latest/dg/delete-layer.html: "Version numbers are never reused for a layer name."
test('numbers of versions are never used again, not even after a restart', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-layers-'));
  try {
    {
      await using first = await ApiServer.start({ data });
      const by = first.client();
      assert.deepEqual(
        [await publish('one', {}, by), await publish('one', {}, by)].map(({ Version }) => Version),
        [1, 2],
      );
      for (const version of [2, 1]) {
        await by.send(new DeleteLayerVersionCommand({ LayerName: 'one', VersionNumber: version }));
      }
      assert.deepEqual((await by.send(new ListLayersCommand({}))).Layers, []);
      assert.equal((await publish('one', {}, by)).Version, 3);
      await by.send(new DeleteLayerVersionCommand({ LayerName: 'one', VersionNumber: 3 }));
    }
    await using second = await ApiServer.start({ data });
    assert.equal((await publish('one', {}, second.client())).Version, 4);
  } finally {
    await rm(data, { recursive: true });
  }
});

test('many versions published at once have different numbers', async () => {
  const name = newName();
  const made = await Promise.all(Array.from({ length: 10 }, () => publish(name)));
  assert.deepEqual(
    made.map(({ Version }) => Version!).sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
});

test('lists are by name and newest first, in pages, and take filters', async () => {
  const by = server.client('222222222222');
  const node = { CompatibleRuntimes: ['nodejs24.x' as const] };
  const arm = { CompatibleArchitectures: ['arm64' as const] };
  await publish('b', { ...node, ...arm }, by);
  await publish('b', {}, by);
  await publish('a', { CompatibleRuntimes: ['python3.13'] }, by);
  await publish('c', node, by);
  const list = async (over: object) =>
    (await by.send(new ListLayersCommand(over))).Layers!.map(
      ({ LayerName, LatestMatchingVersion }) => `${LayerName}:${LatestMatchingVersion!.Version}`,
    );
  assert.deepEqual(await list({}), ['a:1', 'b:2', 'c:1']);
  assert.deepEqual(await list({ CompatibleRuntime: 'nodejs24.x' }), ['b:1', 'c:1']);
  assert.deepEqual(await list({ CompatibleRuntime: 'nodejs24.x', CompatibleArchitecture: 'arm64' }), ['b:1']);
  assert.deepEqual(await list({ CompatibleArchitecture: 'x86_64' }), []);
  const first = await by.send(new ListLayersCommand({ MaxItems: 2 }));
  assert.equal(first.Layers!.length, 2);
  const second = await by.send(new ListLayersCommand({ MaxItems: 2, Marker: first.NextMarker! }));
  assert.deepEqual(
    second.Layers!.map(({ LayerName, LayerArn }) => [LayerName, LayerArn]),
    [['c', 'arn:aws:lambda:us-east-1:222222222222:layer:c']],
  );
  assert.equal(second.NextMarker, undefined);

  const versions = async (over: object) =>
    (await by.send(new ListLayerVersionsCommand({ LayerName: 'b', ...over }))).LayerVersions!.map(
      ({ Version }) => Version,
    );
  assert.deepEqual(await versions({}), [2, 1]);
  assert.deepEqual(await versions({ CompatibleRuntime: 'nodejs24.x' }), [1]);
  assert.deepEqual(await versions({ CompatibleArchitecture: 'arm64' }), [1]);
  for (let i = 3; i <= 11; i++) await publish('b', {}, by);
  let marker: string | undefined;
  const seen: number[] = [];
  do {
    const page = await by.send(new ListLayerVersionsCommand({ LayerName: 'b', MaxItems: 4, Marker: marker }));
    seen.push(...page.LayerVersions!.map(({ Version }) => Version!));
    marker = page.NextMarker;
  } while (marker !== undefined);
  assert.deepEqual(seen, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  await refused(by.send(new ListLayersCommand({ Marker: '!' })), 'InvalidParameterValueException', /Marker/);
});

test('a function shows its layers in their order, changes them, and gives them up', async () => {
  const name = newName();
  const [first, second] = [await publish(newName()), await publish(newName())];
  const arns = [first.LayerVersionArn, second.LayerVersionArn];
  const shown = arns.map((Arn) => ({ Arn, CodeSize: zip.length }));
  const made = await create(name, arns);
  assert.deepEqual(made.Layers, shown);
  const get = async () => (await client.send(new GetFunctionCommand({ FunctionName: name }))).Configuration!;
  assert.deepEqual((await get()).Layers, shown);
  const { Functions: all } = await client.send(new ListFunctionsCommand({}));
  assert.deepEqual(all!.find(({ FunctionName }) => FunctionName === name)!.Layers, shown);
  const update = (over: object) => client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, ...over }));
  assert.deepEqual((await update({ Timeout: 4 })).Layers, shown, 'what is not sent stays');
  assert.deepEqual((await update({ Layers: arns.toReversed() })).Layers, shown.toReversed());
  assert.deepEqual((await update({ Layers: [arns[0]!] })).Layers, [shown[0]]);
  assert.equal((await update({ Layers: [] })).Layers, undefined);
  assert.equal((await get()).Layers, undefined);
});

test('what a function may not have for a layer is refused in the words of AWS', async () => {
  const made = await Promise.all(Array.from({ length: 6 }, () => publish(newName())));
  const arns = made.map(({ LayerVersionArn }) => LayerVersionArn);
  const invalid = (layers: string[], because: RegExp) =>
    refused(create(newName(), layers), 'InvalidParameterValueException', because);
  await invalid(arns, /^Cannot reference more than 5 layers\.$/);
  const again = await publish(arns[0]!.split(':')[6]!);
  await invalid(
    [arns[0]!, again.LayerVersionArn],
    /^Two different versions of the same layer are not allowed to be referenced in the same function\. .*:1 and .*:2 are versions of the same layer\.$/,
  );
  const missing = `${arns[0]!.slice(0, -1)}9`;
  await invalid([missing], new RegExp(`^Layer version ${missing} does not exist\\.$`));
  await invalid([arns[0]!.replace('us-east-1', 'eu-west-1')], /^Layers are not in the same region as the function\./);
  await refused(
    create(newName(), [made[0]!.LayerArn!]),
    'ValidationException',
    /at 'layers' failed to satisfy constraint/,
  );
  await create(newName(), arns.slice(0, 5));
});

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB, "including layers".
test('code and layers together may have 250 MB unzipped, whichever of them changes', async () => {
  const half = await publish(newName(), { Content: { ZipFile: await zipOfSize(125 * MB) } });
  const more = await publish(newName(), { Content: { ZipFile: await zipOfSize(100 * MB) } });
  const [fits, tooMuch] = [await zipOfSize(25 * MB), await zipOfSize(25 * MB + 1)];
  const arns = [half.LayerVersionArn, more.LayerVersionArn];
  const because =
    /^Function code combined with layers exceeds the maximum allowed size of 262144000 bytes\. The actual size is 262144001 bytes\.$/;
  const exceeds = (answer: Promise<unknown>) => refused(answer, 'InvalidParameterValueException', because);
  await exceeds(create(newName(), arns, { Code: { ZipFile: tooMuch } }));
  const name = newName();
  await create(name, arns, { Code: { ZipFile: fits } });
  await exceeds(client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: tooMuch })));
  const bare = newName();
  await create(bare, [], { Code: { ZipFile: tooMuch } });
  await exceeds(client.send(new UpdateFunctionConfigurationCommand({ FunctionName: bare, Layers: arns })));
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: bare, Layers: [arns[0]!] }));
});

test('layers count as storage of the account', async () => {
  const by = server.client('333333333333');
  await publish('one', {}, by);
  await publish('one', {}, by);
  const usage = async () => (await by.send(new GetAccountSettingsCommand({}))).AccountUsage!.TotalCodeSize;
  assert.equal(await usage(), 2 * zip.length);
  await by.send(new DeleteLayerVersionCommand({ LayerName: 'one', VersionNumber: 1 }));
  assert.equal(await usage(), zip.length);
  assert.ok(server.functions.hasAny('333333333333'), 'an account with layers is not an empty one');
});

// https://docs.aws.amazon.com/lambda/latest/dg/delete-layer.html
test('a deleted version can be given to no function any more; those that have it keep it and its archive', async () => {
  const name = newName();
  const layer = newName();
  const own = await zipOf({ file: layer });
  const { LayerVersionArn: arn } = await publish(layer, { Content: { ZipFile: own } });
  await create(name, [arn]);
  await client.send(new DeleteLayerVersionCommand({ LayerName: layer, VersionNumber: 1 }));
  await client.send(new DeleteLayerVersionCommand({ LayerName: layer, VersionNumber: 1 }));
  const gone = new GetLayerVersionCommand({ LayerName: layer, VersionNumber: 1 });
  await refused(client.send(gone), 'ResourceNotFoundException', /does not exist/);
  await refused(create(newName(), [arn]), 'InvalidParameterValueException', /does not exist/);
  const updated = await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Timeout: 9 }));
  assert.deepEqual(updated.Layers, [{ Arn: arn, CodeSize: own.length }]);
  const { spec } = server.functions.resolve({ account: '000000000000', region: 'us-east-1' }, name);
  const sha256 = createHash('sha256').update(own).digest('hex');
  assert.deepEqual(spec.layers, [{ sha256, size: own.length }]);
  assert.deepEqual(await buffer(server.functions.readCode('000000000000', sha256)!), own);
  assert.equal(server.functions.readCode(OTHER, sha256), undefined);
  const configured = new UpdateFunctionConfigurationCommand({ FunctionName: name, Layers: [arn] });
  await refused(client.send(configured), 'InvalidParameterValueException', /does not exist/);
});

test('the archive of a deleted version is kept while a function has it, also over a restart, and goes with the last', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-layers-'));
  const own = await zipOf({ file: 'kept' });
  const sha256 = createHash('sha256').update(own).digest('hex');
  const kept = async (by: ApiServer) => (await by.functions.openCode(sha256))?.stream.destroy() !== undefined;
  try {
    {
      await using first = await ApiServer.start({ data });
      const by = first.client();
      const { LayerVersionArn: arn } = await publish('one', { Content: { ZipFile: own } }, by);
      await create('two', [arn], {}, by);
      await by.send(new DeleteLayerVersionCommand({ LayerName: 'one', VersionNumber: 1 }));
    }
    {
      await using second = await ApiServer.start({ data });
      assert.ok(await kept(second));
      await second.client().send(new DeleteFunctionCommand({ FunctionName: 'two' }));
    }
    await using third = await ApiServer.start({ data });
    assert.equal(await kept(third), false);
  } finally {
    await rm(data, { recursive: true });
  }
});

// https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html
test("another account's layer may be read and used by permission only", async () => {
  const stranger = server.client(OTHER);
  const layer = newName();
  const { LayerVersionArn: arn, LayerArn } = await publish(layer);
  const read = () => stranger.send(new GetLayerVersionByArnCommand({ Arn: arn }));
  const denied = (answer: Promise<unknown>, action: string, resource = arn) =>
    refused(
      answer,
      'AccessDeniedException',
      new RegExp(
        `^User: arn:aws:iam::${OTHER}:root is not authorized to perform: lambda:${action} on resource: ${resource} ` +
          `because no resource-based policy allows the lambda:${action} action$`,
      ),
    );
  await denied(read(), 'GetLayerVersion');
  await denied(create(newName(), [arn], {}, stranger), 'GetLayerVersion');
  // Whether it is there is nobody's business.
  await denied(create(newName(), [`${LayerArn}:7`], {}, stranger), 'GetLayerVersion', `${LayerArn}:7`);
  const permit = (sid: string, principal: string, over: object = {}) =>
    client.send(
      new AddLayerVersionPermissionCommand({
        LayerName: layer,
        VersionNumber: 1,
        StatementId: sid,
        Action: 'lambda:GetLayerVersion',
        Principal: principal,
        ...over,
      }),
    );
  const added = await permit('them', OTHER);
  assert.deepEqual(JSON.parse(added.Statement!), {
    Sid: 'them',
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${OTHER}:root` },
    Action: 'lambda:GetLayerVersion',
    Resource: arn,
  });
  assert.equal((await read()).LayerVersionArn, arn);
  const name = newName();
  assert.deepEqual((await create(name, [arn], {}, stranger)).Layers, [{ Arn: arn, CodeSize: zip.length }]);
  // Its instances may fetch it then.
  const sha256 = createHash('sha256').update(zip).digest('hex');
  assert.deepEqual(await buffer(server.functions.readCode(OTHER, sha256)!), zip);
  await denied(
    stranger.send(new DeleteLayerVersionCommand({ LayerName: LayerArn, VersionNumber: 1 })),
    'DeleteLayerVersion',
  );
  await denied(publish(LayerArn!, {}, stranger), 'PublishLayerVersion', LayerArn);
  await denied(
    stranger.send(new GetLayerVersionPolicyCommand({ LayerName: LayerArn, VersionNumber: 1 })),
    'GetLayerVersionPolicy',
  );

  const forbid = (sid: string, over: object = {}) =>
    client.send(
      new RemoveLayerVersionPermissionCommand({ LayerName: layer, VersionNumber: 1, StatementId: sid, ...over }),
    );
  await forbid('them');
  await denied(read(), 'GetLayerVersion');
  const kept = await stranger.send(new GetFunctionCommand({ FunctionName: name }));
  assert.equal(kept.Configuration!.Layers!.length, 1, 'who uses it already goes on');
  await permit('root', `arn:aws:iam::${OTHER}:root`);
  await read();
  await forbid('root');
  await permit('all', '*');
  await read();
});

test('the policy of a version is shown, changes its revision, and is held to', async () => {
  const layer = newName();
  const { LayerVersionArn: arn } = await publish(layer);
  const which = { LayerName: layer, VersionNumber: 1 };
  const permit = (sid: string, over: object = {}) =>
    client.send(
      new AddLayerVersionPermissionCommand({
        ...which,
        StatementId: sid,
        Action: 'lambda:GetLayerVersion',
        Principal: '*',
        ...over,
      }),
    );
  const policy = () => client.send(new GetLayerVersionPolicyCommand(which));
  const none = /^No policy is associated with the given resource\.$/;
  await refused(policy(), 'ResourceNotFoundException', none);
  const sids = ['a', 'b', 'c'];
  await Promise.all(sids.map((sid) => permit(sid)));
  const { Statement: together } = JSON.parse((await policy()).Policy!);
  assert.deepEqual(together.map(({ Sid }: { Sid: string }) => Sid).sort(), sids, 'several at once');
  for (const StatementId of sids) await client.send(new RemoveLayerVersionPermissionCommand({ ...which, StatementId }));
  const first = await permit('one');
  const second = await permit('two', { Principal: OTHER, RevisionId: first.RevisionId });
  assert.notEqual(second.RevisionId, first.RevisionId);
  const { Policy, RevisionId } = await policy();
  assert.equal(RevisionId, second.RevisionId);
  const statement = { Effect: 'Allow', Action: 'lambda:GetLayerVersion', Resource: arn };
  assert.deepEqual(JSON.parse(Policy!), {
    Version: '2012-10-17',
    Id: 'default',
    Statement: [
      { ...statement, Sid: 'one', Principal: '*' },
      { ...statement, Sid: 'two', Principal: { AWS: `arn:aws:iam::${OTHER}:root` } },
    ],
  });
  await refused(permit('one'), 'ResourceConflictException', /^The statement id \(one\) provided already exists\./);
  const stale = { RevisionId: first.RevisionId };
  await refused(permit('three', stale), 'PreconditionFailedException', /Revision Id/);
  const forbid = (sid: string, over: object = {}) =>
    client.send(new RemoveLayerVersionPermissionCommand({ ...which, StatementId: sid, ...over }));
  await refused(forbid('one', stale), 'PreconditionFailedException', /Revision Id/);
  await refused(forbid('four'), 'ResourceNotFoundException', /^Statement four is not found in resource policy\.$/);
  await forbid('one', { RevisionId });
  await forbid('two');
  await refused(policy(), 'ResourceNotFoundException', none);
  await refused(
    permit('five', { VersionNumber: 2 }),
    'ResourceNotFoundException',
    /^Layer version .*:2 does not exist\.$/,
  );
  await refused(
    permit('six', { OrganizationId: 'o-abcdefghij' }),
    'InvalidParameterValueException',
    /^OrganizationId is not supported by Hearth yet/,
  );
  const long = 'x'.repeat(90);
  await refused(
    (async () => {
      for (let i = 0; i < 100; i++) await permit(`${long}${i}`);
    })(),
    'PolicyLengthExceededException',
    /bigger than the limit \(20480\)/,
  );
});
