/** Tenants of a function, by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { CreateFunctionCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });
const PER_TENANT = { TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } } as const;
const MISSING = {
  name: 'InvalidParameterValueException',
  message:
    'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
};
const NOT_WITH_IT = {
  name: 'InvalidParameterValueException',
  message: / is not supported for functions with tenant isolation/,
};

const create = (client: LambdaClient, name: string, own: Partial<CreateFunctionCommandInput> = {}) =>
  client.send(new CreateFunctionCommand(newFunction(name, zip, own)));

const invoke = (client: LambdaClient, FunctionName: string, TenantId?: string) =>
  client.send(new InvokeCommand({ FunctionName, ...(TenantId === undefined ? {} : { TenantId }) }));

test('a function made with tenants says so for good, and so do its versions', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  assert.deepEqual((await create(client, 'f', PER_TENANT)).TenancyConfig, PER_TENANT.TenancyConfig);
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 9 }));
  const { TenancyConfig } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'f' }));
  assert.deepEqual(TenancyConfig, PER_TENANT.TenancyConfig);
  const version = await client.send(new PublishVersionCommand({ FunctionName: 'f' }));
  assert.deepEqual(version.TenancyConfig, PER_TENANT.TenancyConfig);
  assert.equal((await create(client, 'g')).TenancyConfig, undefined);
  await assert.rejects(create(client, 'h', { TenancyConfig: { TenantIsolationMode: 'SHARED' as 'PER_TENANT' } }), {
    name: 'ValidationException',
  });
});

test('each tenant’s invocations run what is his alone, and the same each time', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client, 'f', PER_TENANT);
  for (const tenant of ['blue', 'green', 'blue']) await invoke(client, 'f', tenant);
  const [first, second, third] = server.invocations;
  assert.deepEqual(
    server.invocations.map(({ tenantId }) => tenantId),
    ['blue', 'green', 'blue'],
  );
  assert.notEqual(first!.spec.key, second!.spec.key);
  assert.equal(first!.spec, third!.spec);
  const stream = new InvokeWithResponseStreamCommand({ FunctionName: 'f', TenantId: 'blue' });
  for await (const _ of (await client.send(stream)).EventStream!);
  assert.equal(server.invocations.at(-1)!.spec, first!.spec);
  // Another version is another matter, also for the same tenant.
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', MemorySize: 256 }));
  await invoke(client, 'f', 'blue');
  assert.notEqual(server.invocations.at(-1)!.spec.key, first!.spec.key);
});

test('a tenant has to be named where there are tenants, and must not where there are none', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client, 'f', PER_TENANT);
  await create(client, 'g');
  await assert.rejects(invoke(client, 'f'), MISSING);
  await assert.rejects(client.send(new InvokeWithResponseStreamCommand({ FunctionName: 'f' })), MISSING);
  await assert.rejects(client.send(new InvokeCommand({ FunctionName: 'f', InvocationType: 'DryRun' })), MISSING);
  await assert.rejects(invoke(client, 'g', 'blue'), {
    name: 'InvalidParameterValueException',
    message: /^The invoked function is not enabled with tenancy configuration\./,
  });
  await assert.rejects(invoke(client, 'f', 'a,b'), { name: 'ValidationException', message: /tenantId/ });
  await assert.rejects(invoke(client, 'f', 'x'.repeat(257)), { name: 'ValidationException' });
  await invoke(client, 'f', 'Tenant 1: a@b.example/x_y=z+-');
  assert.equal(server.invocations.length, 1);
});

test('what AWS does not combine with tenants is refused', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client, 'f', { ...PER_TENANT, Publish: true });
  await client.send(new CreateAliasCommand({ FunctionName: 'f', Name: 'live', FunctionVersion: '1' }));
  const provisioned = { FunctionName: 'f', Qualifier: 'live', ProvisionedConcurrentExecutions: 1 };
  await assert.rejects(client.send(new PutProvisionedConcurrencyConfigCommand(provisioned)), NOT_WITH_IT);
  const url = { FunctionName: 'f', AuthType: 'NONE' } as const;
  await assert.rejects(client.send(new CreateFunctionUrlConfigCommand(url)), NOT_WITH_IT);
  const SnapStart = { ApplyOn: 'PublishedVersions' } as const;
  await assert.rejects(create(client, 'g', { ...PER_TENANT, SnapStart }), NOT_WITH_IT);
  await assert.rejects(
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', SnapStart })),
    NOT_WITH_IT,
  );
});
