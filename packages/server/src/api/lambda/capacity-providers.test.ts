/** Capacity providers by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateCapacityProviderCommand,
  CreateFunctionCommand,
  DeleteCapacityProviderCommand,
  DeleteFunctionCommand,
  GetCapacityProviderCommand,
  GetFunctionConfigurationCommand,
  ListCapacityProvidersCommand,
  ListFunctionVersionsByCapacityProviderCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateCapacityProviderCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type {
  CreateCapacityProviderCommandInput,
  CreateFunctionCommandInput,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });
const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:capacity-provider:${name}`;
const on = (name: string) => ({
  LambdaManagedInstancesCapacityProviderConfig: { CapacityProviderArn: arnOf(name) },
});

const VPC = { SubnetIds: ['subnet-0123456789abcdef0'], SecurityGroupIds: ['sg-0123456789abcdef0'] };
const ROLE = { CapacityProviderOperatorRoleArn: 'arn:aws:iam::000000000000:role/operator' };

async function create(client: LambdaClient, name: string, own: Partial<CreateCapacityProviderCommandInput> = {}) {
  const { CapacityProvider } = await client.send(
    new CreateCapacityProviderCommand({ CapacityProviderName: name, VpcConfig: VPC, PermissionsConfig: ROLE, ...own }),
  );
  return CapacityProvider!;
}

const make = (client: LambdaClient, name: string, own: Partial<CreateFunctionCommandInput> = {}) =>
  client.send(new CreateFunctionCommand(newFunction(name, zip, own)));

test('a provider is made, shown, changed and deleted (D4)', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  const told: unknown[] = [];
  server.functions.on('capacityProvider', (arn, maxVCpus) => told.push([arn, maxVCpus]));
  const made = await create(client, 'own', { CapacityProviderScalingConfig: { MaxVCpuCount: 8 } });
  assert.deepEqual(made, {
    CapacityProviderArn: arnOf('own'),
    State: 'Pending',
    VpcConfig: VPC,
    PermissionsConfig: ROLE,
    CapacityProviderScalingConfig: { MaxVCpuCount: 8, ScalingMode: 'Auto' },
    LastModified: made.LastModified,
  });
  const get = async (CapacityProviderName: string) =>
    (await client.send(new GetCapacityProviderCommand({ CapacityProviderName }))).CapacityProvider!;
  assert.deepEqual(await get('own'), { ...made, State: 'Active' });
  assert.deepEqual(await get(arnOf('own')), { ...made, State: 'Active' });
  await assert.rejects(create(client, 'own'), { name: 'ResourceConflictException' });
  const { CapacityProvider } = await client.send(
    new UpdateCapacityProviderCommand({
      CapacityProviderName: 'own',
      CapacityProviderScalingConfig: { MaxVCpuCount: 4 },
    }),
  );
  assert.equal(CapacityProvider!.CapacityProviderScalingConfig!.MaxVCpuCount, 4);
  const gone = await client.send(new DeleteCapacityProviderCommand({ CapacityProviderName: 'own' }));
  assert.equal(gone.CapacityProvider!.State, 'Deleting');
  await assert.rejects(get('own'), { name: 'ResourceNotFoundException' });
  assert.deepEqual(told, [
    [arnOf('own'), 8],
    [arnOf('own'), 4],
    [arnOf('own'), undefined],
  ]);
  assert.equal((await create(client, 'own')).CapacityProviderScalingConfig!.MaxVCpuCount, 400);
});

test('what the server can’t do for a provider is refused', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  const refused = { name: 'InvalidParameterValueException' };
  const asked: Partial<CreateCapacityProviderCommandInput>[] = [
    { InstanceRequirements: { Architectures: ['arm64'] } },
    { InstanceRequirements: { AllowedInstanceTypes: ['m5.large'] } },
    { CapacityProviderScalingConfig: { ScalingMode: 'Manual' } },
    { KmsKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/k' },
  ];
  for (const own of asked) await assert.rejects(create(client, 'own', own), refused, JSON.stringify(own));
  await assert.rejects(create(client, 'own', { CapacityProviderScalingConfig: { MaxVCpuCount: 1 } }), {
    name: 'ValidationException',
  });
  await create(client, 'own', { InstanceRequirements: { Architectures: ['x86_64'] } });
});

test('functions name a provider, which can’t be deleted while they do', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await assert.rejects(make(client, 'f', { CapacityProviderConfig: on('own') }), { name: 'ResourceNotFoundException' });
  await create(client, 'own');
  await create(client, 'other');
  const made = await make(client, 'f', { CapacityProviderConfig: on('own'), Publish: true });
  assert.deepEqual(made.CapacityProviderConfig, on('own'));
  assert.equal(
    server.functions.resolve({ account: '000000000000', region: 'us-east-1' }, 'f').spec.capacityProvider,
    arnOf('own'),
  );
  await make(client, 'g');
  const many = {
    ...on('other').LambdaManagedInstancesCapacityProviderConfig,
    PerExecutionEnvironmentMaxConcurrency: 10,
  };
  await client.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: 'g',
      CapacityProviderConfig: { LambdaManagedInstancesCapacityProviderConfig: many },
    }),
  );
  const shown = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'g' }));
  assert.deepEqual(shown.CapacityProviderConfig, { LambdaManagedInstancesCapacityProviderConfig: many });
  const versions = async (more: { MaxItems?: number; Marker?: string } = {}) => {
    const page = await client.send(
      new ListFunctionVersionsByCapacityProviderCommand({ CapacityProviderName: 'own', ...more }),
    );
    assert.equal(page.CapacityProviderArn, arnOf('own'));
    return {
      ...page,
      names: page.FunctionVersions!.map(({ FunctionArn }) => FunctionArn!.split(':').slice(6).join(':')),
    };
  };
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 5 }));
  await client.send(new PublishVersionCommand({ FunctionName: 'f' }));
  assert.deepEqual((await versions()).names, ['f:$LATEST', 'f:1', 'f:2']);
  const first = await versions({ MaxItems: 2 });
  assert.deepEqual((await versions({ MaxItems: 2, Marker: first.NextMarker! })).names, ['f:2']);
  const remove = (CapacityProviderName: string) =>
    client.send(new DeleteCapacityProviderCommand({ CapacityProviderName }));
  await assert.rejects(remove('own'), { name: 'ResourceConflictException', message: /is in use by .*function:f:/ });
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', CapacityProviderConfig: on('other') }));
  // Its versions still name it.
  await assert.rejects(remove('own'), { name: 'ResourceConflictException' });
  await client.send(new DeleteFunctionCommand({ FunctionName: 'f' }));
  await remove('own');
  await assert.rejects(
    client.send(
      new PutProvisionedConcurrencyConfigCommand({
        FunctionName: 'g',
        Qualifier: (await client.send(new PublishVersionCommand({ FunctionName: 'g' }))).Version!,
        ProvisionedConcurrentExecutions: 1,
      }),
    ),
    { name: 'InvalidParameterValueException' },
  );
});

test('providers are an account’s and a region’s, are listed in pages, and outlive the server', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-providers-'));
  try {
    {
      await using server = await ApiServer.start({ data });
      for (const name of ['c', 'a', 'b']) await create(server.client(), name);
      await create(server.client('222222222222'), 'a');
      await create(server.client('AKIDEXAMPLE', 'eu-west-1'), 'a');
    }
    await using server = await ApiServer.start({ data });
    const list = async (more: object = {}) => {
      const page = await server.client().send(new ListCapacityProvidersCommand(more));
      return [
        page.CapacityProviders!.map(({ CapacityProviderArn: arn }) => arn!.split(':').at(-1)),
        page.NextMarker,
      ] as const;
    };
    assert.deepEqual(await list(), [['a', 'b', 'c'], undefined]);
    const [first, Marker] = await list({ MaxItems: 2 });
    assert.deepEqual(first, ['a', 'b']);
    assert.deepEqual(await list({ MaxItems: 2, Marker }), [['c'], undefined]);
    assert.deepEqual(await list({ State: 'Failed' }), [[], undefined]);
    assert.equal([...server.functions.capacityProviders.all()].length, 5);
    const foreign = { CapacityProviderName: 'arn:aws:lambda:us-east-1:222222222222:capacity-provider:a' };
    await assert.rejects(server.client().send(new GetCapacityProviderCommand(foreign)), {
      name: 'ResourceNotFoundException',
    });
  } finally {
    await rm(data, { recursive: true });
  }
});
