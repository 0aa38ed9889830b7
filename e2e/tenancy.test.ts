/** Tenants of a function with real sandboxes. Source: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand, LambdaClient, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, zipOf } from './testing/hearth.ts';

/** Leaves what it is told where the next invocation in its sandbox would find it. */
const code = (edition: string) => `
  import { existsSync, readFileSync, writeFileSync } from 'node:fs';
  const remembered = [];
  export const handler = async ({ ms = 0 }, context) => {
    const found = existsSync('/tmp/tenant') ? readFileSync('/tmp/tenant', 'utf8') : null;
    remembered.push(context.tenantId);
    writeFileSync('/tmp/tenant', context.tenantId);
    console.log('hello');
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { edition: '${edition}', remembered, found, tenant: context.tenantId };
  };`;

interface Told {
  edition: string;
  remembered: string[];
  found: string | null;
  tenant: string;
}

describe('a function with tenants', () => {
  let hearth: Hearth;
  let client: LambdaClient;

  before(async () => {
    hearth = await Hearth.start();
    client = hearth.client();
    await hearth.create('shared', code('one'), {
      TenancyConfig: { TenantIsolationMode: 'PER_TENANT' },
      LoggingConfig: { LogFormat: 'JSON' },
    });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const ask = async (TenantId: string, ms = 0): Promise<Told & { log: Record<string, unknown>[] }> => {
    const answer = await client.send(
      new InvokeCommand({ FunctionName: 'shared', TenantId, LogType: 'Tail', Payload: JSON.stringify({ ms }) }),
    );
    const log = Buffer.from(answer.LogResult!, 'base64').toString().trim().split('\n');
    const told = JSON.parse(Buffer.from(answer.Payload!).toString()) as Told;
    return { ...told, log: log.map((line) => JSON.parse(line) as Record<string, unknown>) };
  };

  it('never has two of them in one sandbox: neither memory nor files of another are there', async () => {
    const tenants = ['red', 'green', 'blue'];
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(tenants.flatMap((tenant) => [ask(tenant, 20), ask(tenant, 20)]));
      for (const { tenant, remembered, found } of answers) {
        assert.deepEqual(new Set(remembered), new Set([tenant]));
        assert.ok(found === null || found === tenant);
      }
    }
    // His own is used again.
    assert.ok((await ask('red')).remembered.length > 1);
  });

  it('names the tenant in its JSON log', async () => {
    const { log } = await ask('green');
    const [start, hello, report] = log as { tenantId?: string; record?: { tenantId?: string } }[];
    assert.deepEqual([start!.record?.tenantId, hello!.tenantId, report!.record?.tenantId], ['green', 'green', 'green']);
  });

  it('runs new code for all of them', async () => {
    const ZipFile = await zipOf({ 'index.mjs': code('two') });
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'shared', ZipFile }));
    for (const tenant of ['red', 'green', 'blue']) assert.equal((await ask(tenant)).edition, 'two');
    await eventually(async () => {
      const { instances } = (await (await fetch(`${hearth.url}/_hearth/fleet`)).json()) as {
        instances: { sandboxes: { lastUsed: string | null }[] }[];
      };
      assert.equal(instances.flatMap(({ sandboxes }) => sandboxes).length, 3);
    });
  });
});
