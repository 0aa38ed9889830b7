/** Provisioned concurrency with real sandboxes. Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, zipOf } from './testing/hearth.ts';

/** Takes a second to load, and says when that was and what for. */
const code = (edition: string) => `
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const loaded = Date.now();
  export const handler = async ({ ms = 0 }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { edition: '${edition}', loaded, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE };
  };`;

interface Told {
  edition: string;
  loaded: number;
  type: string;
}

interface Answer extends Told {
  startPath: string;
  log: string;
  tookMs: number;
}

describe('provisioned concurrency', () => {
  let hearth: Hearth;
  let client: LambdaClient;

  before(async () => {
    hearth = await Hearth.start();
    client = hearth.client();
    await hearth.create('slow', code('one'), { Timeout: 20 });
    await client.send(new PublishVersionCommand({ FunctionName: 'slow' }));
    await client.send(new CreateAliasCommand({ FunctionName: 'slow', Name: 'live', FunctionVersion: '1' }));
  });

  after(() => hearth[Symbol.asyncDispose]());

  const call = async (ms = 0, Qualifier = 'live'): Promise<Answer> => {
    let startPath = '';
    const command = new InvokeCommand({
      FunctionName: 'slow',
      Qualifier,
      LogType: 'Tail',
      Payload: JSON.stringify({ ms }),
    });
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        startPath = (result.response as { headers: Record<string, string> }).headers['x-hearth-start-path']!;
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
    const from = performance.now();
    const answer = await client.send(command);
    const tookMs = performance.now() - from;
    const log = Buffer.from(answer.LogResult!, 'base64').toString();
    return { ...(JSON.parse(Buffer.from(answer.Payload!).toString()) as Told), startPath, log, tookMs };
  };

  const config = () =>
    client.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName: 'slow', Qualifier: 'live' }));

  const put = (count: number) =>
    client.send(
      new PutProvisionedConcurrencyConfigCommand({
        FunctionName: 'slow',
        Qualifier: 'live',
        ProvisionedConcurrentExecutions: count,
      }),
    );

  const isReady = async () => {
    const { Status, StatusReason } = await config();
    assert.deepEqual([Status, StatusReason], ['READY', undefined]);
  };

  const kept = async () => {
    const { instances } = (await (await fetch(`${hearth.url}/_hearth/fleet`)).json()) as {
      instances: { sandboxes: { version: string; keptFor: string | null }[] }[];
    };
    return instances.flatMap(({ sandboxes }) => sandboxes).filter(({ keptFor }) => keptFor !== null);
  };

  it('has sandboxes initialised before the first invocation, which finds them warm (D5, T13)', async () => {
    const answer = await put(3);
    assert.equal(answer.Status, 'IN_PROGRESS');
    assert.equal(answer.AllocatedProvisionedConcurrentExecutions, 0);
    await eventually(isReady);
    assert.equal((await kept()).length, 3);
    const asked = Date.now();
    const first = await Promise.all([call(300), call(300), call(300)]);
    for (const one of first) {
      assert.deepEqual([one.startPath, one.type, one.edition], ['warm', 'provisioned-concurrency', 'one']);
      assert.ok(one.loaded < asked, 'it was loaded before anyone asked');
      assert.ok(one.tookMs < 1_000, `${one.tookMs} ms with its init in the way`);
    }
    assert.equal(new Set(first.map(({ loaded, log }) => `${loaded} ${log}`)).size, 3);
    // How long it took is in the first report, and not billed with it.
    const [, billed, init] = /Billed Duration: (\d+) ms.*Init Duration: (\d+)/.exec(first[0].log)!;
    assert.ok(Number(init) >= 1_000 && Number(billed) < 1_000, first[0].log);
    assert.doesNotMatch((await call()).log, /Init Duration/);
  });

  it('runs what is beyond it on demand', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => call(1_500)));
    assert.deepEqual(all.map(({ type }) => type).sort(), [
      'on-demand',
      ...Array.from({ length: 3 }, () => 'provisioned-concurrency'),
    ]);
  });

  it('goes with its alias to another version', async () => {
    const ZipFile = await zipOf({ 'index.mjs': code('two') });
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'slow', ZipFile, Publish: true }));
    await client.send(new UpdateAliasCommand({ FunctionName: 'slow', Name: 'live', FunctionVersion: '2' }));
    await eventually(isReady);
    await eventually(async () => assert.equal((await kept()).length, 3));
    assert.ok((await kept()).every(({ version }) => version === '2'));
    const answer = await call();
    assert.deepEqual([answer.edition, answer.type, answer.startPath], ['two', 'provisioned-concurrency', 'warm']);
  });

  it('is given back', async () => {
    await client.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName: 'slow', Qualifier: 'live' }));
    await eventually(async () => assert.deepEqual(await kept(), []));
    await assert.rejects(config(), { name: 'ProvisionedConcurrencyConfigNotFoundException' });
  });
});
