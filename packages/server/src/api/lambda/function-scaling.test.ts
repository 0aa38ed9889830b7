/** Scaling configurations by the SDK. Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateCapacityProviderCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionScalingConfigCommand,
  PutFunctionScalingConfigCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { FunctionScalingConfig, LambdaClient } from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';
import { newFunction } from '../testing/new-function.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });
const PROVIDER = {
  LambdaManagedInstancesCapacityProviderConfig: {
    CapacityProviderArn: 'arn:aws:lambda:us-east-1:000000000000:capacity-provider:own',
  },
};
const INVALID = { name: 'InvalidParameterValueException' };

/** A function with version 1 on a provider. */
async function create(client: LambdaClient): Promise<void> {
  await client.send(
    new CreateCapacityProviderCommand({
      CapacityProviderName: 'own',
      VpcConfig: { SubnetIds: ['subnet-0123456789abcdef0'], SecurityGroupIds: [] },
      PermissionsConfig: { CapacityProviderOperatorRoleArn: 'arn:aws:iam::000000000000:role/operator' },
    }),
  );
  await client.send(
    new CreateFunctionCommand(newFunction('f', zip, { Publish: true, CapacityProviderConfig: PROVIDER })),
  );
}

const put = (client: LambdaClient, config: FunctionScalingConfig, Qualifier = '1', FunctionName = 'f') =>
  client.send(new PutFunctionScalingConfigCommand({ FunctionName, Qualifier, FunctionScalingConfig: config }));

async function get(client: LambdaClient, Qualifier = '1') {
  const { $metadata: _, ...config } = await client.send(
    new GetFunctionScalingConfigCommand({ FunctionName: 'f', Qualifier }),
  );
  return config;
}

test('a version’s is put, shown, changed and taken away', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  const told: unknown[] = [];
  server.functions.on('scaled', ({ version }, scaling) => told.push([version, scaling]));
  await create(client);
  const FunctionArn = 'arn:aws:lambda:us-east-1:000000000000:function:f:1';
  assert.deepEqual(await get(client), {
    FunctionArn,
    AppliedFunctionScalingConfig: {},
    RequestedFunctionScalingConfig: {},
  });
  const config = { MinExecutionEnvironments: 2, MaxExecutionEnvironments: 5 };
  const answer = await put(client, config);
  assert.deepEqual([answer.FunctionState, answer.$metadata.httpStatusCode], ['Active', 202]);
  assert.deepEqual(await get(client), {
    FunctionArn,
    AppliedFunctionScalingConfig: config,
    RequestedFunctionScalingConfig: config,
  });
  await put(client, { MaxExecutionEnvironments: 0 });
  await put(client, {});
  assert.deepEqual((await get(client)).AppliedFunctionScalingConfig, {});
  assert.deepEqual(told, [
    ['1', { min: 2, max: 5 }],
    ['1', { min: 0, max: 0 }],
    ['1', { min: 0, max: Infinity }],
  ]);
});

test('it is for published versions on a capacity provider, with bounds in their order', async () => {
  await using server = await ApiServer.start();
  const client = server.client();
  await create(client);
  await client.send(new CreateFunctionCommand(newFunction('g', zip, { Publish: true })));
  await assert.rejects(put(client, { MinExecutionEnvironments: 1 }, '1', 'g'), INVALID);
  await assert.rejects(put(client, { MinExecutionEnvironments: 2, MaxExecutionEnvironments: 1 }), INVALID);
  await assert.rejects(put(client, { MinExecutionEnvironments: 1 }, '$LATEST'), { name: 'ValidationException' });
  await assert.rejects(put(client, { MinExecutionEnvironments: 1 }, '2'), { name: 'ResourceNotFoundException' });
  await assert.rejects(put(client, { MaxExecutionEnvironments: 15_001 }), { name: 'ValidationException' });
});

test('it outlives the server, and ends with its version', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-scaling-'));
  try {
    {
      await using server = await ApiServer.start({ data });
      const client = server.client();
      await create(client);
      await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 4 }));
      await put(client, { MinExecutionEnvironments: 3 });
    }
    await using server = await ApiServer.start({ data });
    const all = () => [...server.functions.scaling.all()].map(({ spec, scaling }) => [spec.version, scaling]);
    assert.deepEqual(all(), [['1', { min: 3, max: Infinity }]]);
    await server.client().send(new DeleteFunctionCommand({ FunctionName: 'f', Qualifier: '1' }));
    assert.deepEqual(all(), []);
  } finally {
    await rm(data, { recursive: true });
  }
});
