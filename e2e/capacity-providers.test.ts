/** Capacity providers with real instances. Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateCapacityProviderCommand,
  DeleteCapacityProviderCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  PutFunctionScalingConfigCommand,
} from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';

const CODE = `
  await new Promise((resolve) => setTimeout(resolve, 500));
  const loaded = Date.now();
  export const handler = async () => ({ loaded, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE });`;

interface Told {
  loaded: number;
  type: string;
}

describe('a capacity provider', () => {
  let hearth: Hearth;
  let client: LambdaClient;
  let arn: string;

  before(async () => {
    hearth = await Hearth.start({ settings: { instances: 2, instanceMemoryMb: 1024, instanceCpus: 1 } });
    client = hearth.client();
    const { CapacityProvider } = await client.send(
      new CreateCapacityProviderCommand({
        CapacityProviderName: 'own',
        VpcConfig: { SubnetIds: ['subnet-0123456789abcdef0'], SecurityGroupIds: [] },
        PermissionsConfig: { CapacityProviderOperatorRoleArn: 'arn:aws:iam::000000000000:role/operator' },
        CapacityProviderScalingConfig: { MaxVCpuCount: 2 },
      }),
    );
    arn = CapacityProvider!.CapacityProviderArn!;
    const CapacityProviderConfig = { LambdaManagedInstancesCapacityProviderConfig: { CapacityProviderArn: arn } };
    await hearth.create('mine', CODE, { CapacityProviderConfig });
    await hearth.create('common', CODE);
    await client.send(new PublishVersionCommand({ FunctionName: 'mine' }));
  });

  after(() => hearth[Symbol.asyncDispose]());

  const call = async (FunctionName: string): Promise<Told> => {
    const { Payload } = await client.send(new InvokeCommand({ FunctionName }));
    return JSON.parse(Buffer.from(Payload!).toString()) as Told;
  };

  const functions = async (): Promise<string[]> => {
    const { instances } = (await (await fetch(`${hearth.url}/_hearth/fleet`)).json()) as {
      instances: { pool: string; sandboxes: { function: string }[] }[];
    };
    const active = instances.filter(({ pool }) => pool === 'active');
    return active.map(({ sandboxes }) => [...new Set(sandboxes.map((one) => one.function))].join()).sort();
  };

  it('has instances that run its functions only', async () => {
    assert.equal((await call('common')).type, 'on-demand');
    assert.equal((await call('mine')).type, 'lambda-managed-instances');
    assert.deepEqual(await functions(), ['common', 'mine']);
  });

  it('keeps the least number of sandboxes of a version initialised', async () => {
    await client.send(
      new PutFunctionScalingConfigCommand({
        FunctionName: 'mine',
        Qualifier: '1',
        FunctionScalingConfig: { MinExecutionEnvironments: 2, MaxExecutionEnvironments: 3 },
      }),
    );
    await eventually(async () => {
      const { instances } = (await (await fetch(`${hearth.url}/_hearth/fleet`)).json()) as {
        instances: { sandboxes: { version: string; state: string; keptFor: string | null }[] }[];
      };
      const kept = instances.flatMap(({ sandboxes }) => sandboxes.filter(({ keptFor }) => keptFor !== null));
      assert.deepEqual(
        kept.map(({ version, state }) => [version, state]),
        [
          ['1', 'idle'],
          ['1', 'idle'],
        ],
      );
    });
    const asked = Date.now();
    assert.ok((await call('mine:1')).loaded < asked);
  });

  it('can be deleted when nothing names it any more', async () => {
    const remove = () => client.send(new DeleteCapacityProviderCommand({ CapacityProviderName: 'own' }));
    await assert.rejects(remove(), { name: 'ResourceConflictException' });
    await client.send(new DeleteFunctionCommand({ FunctionName: 'mine' }));
    assert.equal((await remove()).CapacityProvider!.State, 'Deleting');
  });
});
