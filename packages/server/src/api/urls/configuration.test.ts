/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html and its siblings, through AWS's own client. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionUrlConfigCommand,
  GetFunctionUrlConfigCommand,
  ListFunctionUrlConfigsCommand,
  paginateListFunctionUrlConfigs,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { ApiServer } from '../testing/api-server.ts';
import { urlAddress } from './address.ts';
import { call, createFunction, createUrl } from './testing/url-server.ts';

let server: ApiServer;
let client: LambdaClient;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
});
after(() => server[Symbol.asyncDispose]());

const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
const create = (name: string) => new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE' });

test('a URL is made, read, changed, listed and deleted', async () => {
  await createFunction(client, 'life');
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({
      FunctionName: 'life',
      AuthType: 'AWS_IAM',
      Cors: { AllowOrigins: ['https://a.example'], AllowCredentials: true, MaxAge: 5 },
    }),
  );
  const { $metadata, CreationTime, LastModifiedTime, FunctionUrl, ...rest } = made as typeof made & {
    LastModifiedTime?: string;
  };
  assert.equal($metadata.httpStatusCode, 201);
  assert.match(
    FunctionUrl!,
    new RegExp(`^http://[a-z0-9]{32}\\.lambda-url\\.us-east-1\\.localhost:${new URL(server.url).port}/$`),
  );
  assert.ok(Math.abs(Date.parse(CreationTime!) - Date.now()) < 60_000);
  assert.equal(LastModifiedTime, undefined);
  assert.deepEqual(rest, {
    FunctionArn: arnOf('life'),
    AuthType: 'AWS_IAM',
    Cors: { AllowOrigins: ['https://a.example'], AllowCredentials: true, MaxAge: 5 },
    InvokeMode: 'BUFFERED',
  });

  const read = await client.send(new GetFunctionUrlConfigCommand({ FunctionName: arnOf('life') }));
  assert.equal(read.FunctionUrl, FunctionUrl);
  assert.equal(read.LastModifiedTime, CreationTime);

  const changed = await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'life', AuthType: 'NONE' }));
  assert.equal(changed.AuthType, 'NONE');
  assert.deepEqual(changed.Cors, made.Cors, 'what is not named stays');
  assert.equal(changed.FunctionUrl, FunctionUrl);
  assert.equal(changed.CreationTime, CreationTime);
  const cleared = await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'life', Cors: {} }));
  assert.equal(cleared.Cors, undefined);

  const { FunctionUrlConfigs: list, NextMarker: more } = await client.send(
    new ListFunctionUrlConfigsCommand({ FunctionName: 'life', MaxItems: 1 }),
  );
  assert.deepEqual(
    list!.map((url) => url.FunctionUrl),
    [FunctionUrl],
  );
  assert.equal(more, undefined);

  const { $metadata: gone } = await client.send(new DeleteFunctionUrlConfigCommand({ FunctionName: 'life' }));
  assert.equal(gone.httpStatusCode, 204);
  await assert.rejects(client.send(new GetFunctionUrlConfigCommand({ FunctionName: 'life' })), {
    name: 'ResourceNotFoundException',
    message: 'The resource you requested does not exist.',
  });
  const again = await client.send(create('life'));
  assert.notEqual(again.FunctionUrl, FunctionUrl, 'a new URL has another address');
});

test('a second URL, one of no function, and settings out of range are refused as AWS does', async () => {
  await createUrl(client, 'refused');
  await assert.rejects(client.send(create('refused')), {
    name: 'ResourceConflictException',
    message: `Failed to create function url config for [functionArn = ${arnOf('refused')}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
  });
  for (const command of [
    create('none'),
    new GetFunctionUrlConfigCommand({ FunctionName: 'none' }),
    new UpdateFunctionUrlConfigCommand({ FunctionName: 'none', AuthType: 'NONE' }),
    new DeleteFunctionUrlConfigCommand({ FunctionName: 'none' }),
    new ListFunctionUrlConfigsCommand({ FunctionName: 'none' }),
    new CreateFunctionUrlConfigCommand({ FunctionName: 'refused', AuthType: 'NONE', Qualifier: 'noalias' }),
    new GetFunctionUrlConfigCommand({ FunctionName: 'refused', Qualifier: 'noalias' }),
  ]) {
    await assert.rejects(client.send(command as typeof command & ReturnType<typeof create>), {
      name: 'ResourceNotFoundException',
    });
  }
  for (const settings of [
    { Cors: { MaxAge: 86_401 } },
    { Cors: { AllowMethods: ['OPTIONS'] } },
    { AuthType: 'ANY' as 'NONE' },
    // Pinned versions have no URL.
    { Qualifier: '1' },
    { Qualifier: '$LATEST' },
  ]) {
    const command = new CreateFunctionUrlConfigCommand({ FunctionName: 'refused', AuthType: 'NONE', ...settings });
    await assert.rejects(client.send(command), { name: 'ValidationException' }, JSON.stringify(settings));
  }
});

test('URLs are an account’s own', async () => {
  await createUrl(client, 'mine');
  const other = server.client('222222222222');
  await assert.rejects(other.send(new GetFunctionUrlConfigCommand({ FunctionName: 'mine' })), {
    name: 'ResourceNotFoundException',
  });
  await assert.rejects(other.send(new GetFunctionUrlConfigCommand({ FunctionName: arnOf('mine') })), {
    name: 'AccessDeniedException',
  });
});

test('a URL goes with its function', async () => {
  const url = await createUrl(client, 'short-lived');
  assert.equal((await call(server, url)).status, 200);
  await client.send(new DeleteFunctionCommand({ FunctionName: 'short-lived' }));
  assert.equal((await call(server, url)).status, 403);
  await createFunction(client, 'short-lived');
  assert.equal((await call(server, url)).status, 403, 'another function of that name has no part in it');
});

test('URLs outlive the server', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-urls-'));
  try {
    let id: string;
    {
      await using first = await ApiServer.start({ data });
      id = (await createUrl(first.client(), 'kept')).hostname;
    }
    await using second = await ApiServer.start({ data });
    const url = new URL(`http://${id}/`);
    assert.equal((await call(second, url)).status, 200);
  } finally {
    await rm(data, { recursive: true });
  }
});

test('who calls the server by a name that is not this machine’s alone is given a URL by path', () => {
  const id = 'a'.repeat(32);
  for (const host of ['localhost', '127.0.0.1', '[::1]', 'lambda.localhost', 'LOCALHOST']) {
    assert.equal(urlAddress(`${host}:4566`, id, 'eu-west-1'), `http://${id}.lambda-url.eu-west-1.localhost:4566/`);
  }
  assert.equal(urlAddress('localhost', id, 'eu-west-1'), `http://${id}.lambda-url.eu-west-1.localhost/`);
  for (const host of ['hearth.example:4566', '10.0.0.5', '169.254.100.1:80', 'notlocalhost', '[2001:db8::1]:80']) {
    assert.equal(urlAddress(host, id, 'eu-west-1'), `http://${host}/_hearth/url/${id}/`);
  }
});

test('an alias has a URL of its own, which runs what the alias names', async () => {
  const own = await createUrl(client, 'aliased');
  await client.send(new PublishVersionCommand({ FunctionName: 'aliased' }));
  await client.send(new CreateAliasCommand({ FunctionName: 'aliased', Name: 'live', FunctionVersion: '$LATEST' }));
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName: 'aliased', Qualifier: 'live', AuthType: 'NONE' }),
  );
  assert.equal(made.FunctionArn, `${arnOf('aliased')}:live`);
  const live = new URL(made.FunctionUrl!);
  const ran = async (url: URL) => {
    assert.equal((await call(server, url)).status, 200);
    const { spec, invokedArn } = server.invocations.at(-1)!;
    return [spec.version, invokedArn];
  };
  assert.deepEqual(await ran(own), ['$LATEST', arnOf('aliased')]);
  assert.deepEqual(await ran(live), ['$LATEST', `${arnOf('aliased')}:live`]);
  await client.send(new UpdateAliasCommand({ FunctionName: 'aliased', Name: 'live', FunctionVersion: '1' }));
  assert.deepEqual(await ran(live), ['1', `${arnOf('aliased')}:live`]);

  const pages: string[] = [];
  for await (const page of paginateListFunctionUrlConfigs({ client, pageSize: 1 }, { FunctionName: 'aliased' })) {
    pages.push(...page.FunctionUrlConfigs!.map(({ FunctionUrl }) => FunctionUrl!));
  }
  assert.deepEqual(pages, [own.href, live.href]);
  const byName = await client.send(new GetFunctionUrlConfigCommand({ FunctionName: 'aliased:live' }));
  assert.equal(byName.FunctionUrl, live.href);

  await client.send(new DeleteAliasCommand({ FunctionName: 'aliased', Name: 'live' }));
  assert.equal((await call(server, live)).status, 403);
  assert.deepEqual(await ran(own), ['$LATEST', arnOf('aliased')]);
  await client.send(new CreateAliasCommand({ FunctionName: 'aliased', Name: 'live', FunctionVersion: '1' }));
  assert.equal((await call(server, live)).status, 403, 'another alias of that name has no part in it');
  await assert.rejects(client.send(new GetFunctionUrlConfigCommand({ FunctionName: 'aliased', Qualifier: 'live' })), {
    name: 'ResourceNotFoundException',
  });
});

test('an alias of two versions shares the requests to its URL by their weights', async () => {
  await createFunction(client, 'weighted');
  const publish = () => client.send(new PublishVersionCommand({ FunctionName: 'weighted' }));
  await publish();
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'weighted', Description: 'next' }));
  await publish();
  await client.send(
    new CreateAliasCommand({
      FunctionName: 'weighted',
      Name: 'live',
      FunctionVersion: '1',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.1 } },
    }),
  );
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName: 'weighted', Qualifier: 'live', AuthType: 'NONE' }),
  );
  for (const [random, version] of [
    [0.05, '2'],
    [0.1, '1'],
  ] as const) {
    server.random = () => random;
    await call(server, new URL(made.FunctionUrl!));
    assert.equal(server.invocations.at(-1)!.spec.version, version);
  }
});

test('several changes of one function at once are done one after the other', async () => {
  await createUrl(client, 'busy');
  const update = (MaxAge: number) =>
    client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'busy', Cors: { MaxAge } }));
  const [first, second, gone, third] = await Promise.allSettled([
    update(1),
    update(2),
    client.send(new DeleteFunctionUrlConfigCommand({ FunctionName: 'busy' })),
    update(3),
  ]);
  for (const done of [first, second, gone, third]) {
    if (done.status === 'rejected') assert.equal((done.reason as Error).name, 'ResourceNotFoundException');
  }
  assert.equal(gone.status, 'fulfilled');
  assert.deepEqual(server.failures, []);
});
