/** Functions whose code changes while they run, with real sandboxes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, HEARTH, zipOf } from './testing/hearth.ts';
import { Load } from './testing/load.ts';
import type { Outcome } from './testing/load.ts';

/** Says which edition it is. @param loading code that runs when it is loaded. */
const edition = (number: number, loading = ''): string => `
  ${loading}
  export const handler = async ({ ms = 0 }) => {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return ${number};
  };`;
const SLOW = 'await new Promise((resolve) => setTimeout(resolve, 1_500));';

interface SandboxView {
  id: string;
  function: string;
  state: string;
  instance: string;
  account: string;
}

describe('a function that changes while it runs', () => {
  let hearth: Hearth;
  let client: LambdaClient;

  before(async () => {
    hearth = await Hearth.start();
    client = hearth.client();
  });
  after(() => hearth[Symbol.asyncDispose]());

  const update = async (FunctionName: string, code: string | Buffer): Promise<void> => {
    const ZipFile = typeof code === 'string' ? await zipOf({ 'index.mjs': code }) : code;
    await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  };
  const updated = (FunctionName: string) =>
    waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.2 }, { FunctionName });
  const get = (FunctionName: string) => client.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const invoke = async (FunctionName: string, event: object = {}, Qualifier?: string) => {
    const answer = await client.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), ...(Qualifier && { Qualifier }) }),
    );
    const { requestId } = answer.$metadata;
    return { result: JSON.parse(Buffer.from(answer.Payload!).toString()) as unknown, requestId: requestId! };
  };
  const record = (requestId: string) =>
    hearth.get(`/_hearth/invocations/${requestId}`) as Promise<Record<string, string>>;
  const sandboxesOf = async (name: string): Promise<SandboxView[]> => {
    const { instances } = (await hearth.get('/_hearth/fleet')) as {
      instances: { id: string; account: string; sandboxes: Omit<SandboxView, 'instance' | 'account'>[] }[];
    };
    return instances.flatMap(({ id: instance, account, sandboxes }) =>
      sandboxes.filter((one) => one.function === name).map((one) => ({ ...one, instance, account })),
    );
  };
  const resultsOf = (outcomes: readonly Outcome[]): number[] => {
    for (const { status, functionError, body } of outcomes)
      assert.deepEqual([status, functionError], [200, undefined], body);
    return outcomes.map(({ body }) => Number(body));
  };

  it('P7, V1, V2, V5, V6, V21: the old code serves while the new one loads, without a wait; then the new one does', async () => {
    await hearth.create('slow-to-load', edition(1));
    await invoke('slow-to-load');
    await update('slow-to-load', edition(2, SLOW));
    const sentAt = performance.now();
    const old = await invoke('slow-to-load');
    assert.ok(performance.now() - sentAt < 1_400, 'it has waited for the new code');
    assert.equal(old.result, 1);
    assert.equal((await record(old.requestId))['versionReason'], 'stale-while-downloading');
    assert.equal((await get('slow-to-load')).LastUpdateStatus, 'InProgress');
    await updated('slow-to-load');
    const next = await invoke('slow-to-load');
    assert.equal(next.result, 2);
    const { versionReason, startPath } = await record(next.requestId);
    assert.deepEqual([versionReason, startPath], ['current', 'warm']);
  });

  it('V9, V10, V11, V22: both are in sandboxes of their own on one instance; what runs ends on its code, then that is gone', async () => {
    await hearth.create('two-at-once', edition(1), { Timeout: 20 });
    await invoke('two-at-once');
    const running = invoke('two-at-once', { ms: 3_000 });
    const [old] = await eventually(async () => {
      const all = await sandboxesOf('two-at-once');
      assert.equal(all[0]?.state, 'executing');
      return all;
    });
    await update('two-at-once', edition(2));
    await updated('two-at-once');
    const both = await sandboxesOf('two-at-once');
    assert.deepEqual(both.map(({ state }) => state).sort(), ['executing', 'idle']);
    assert.equal(new Set(both.map(({ instance }) => instance)).size, 1);
    assert.equal(new Set(both.map(({ account }) => account)).size, 1);
    assert.equal((await invoke('two-at-once')).result, 2);
    assert.equal((await running).result, 1);
    await eventually(async () => {
      const left = await sandboxesOf('two-at-once');
      assert.ok(!left.some(({ id }) => id === old!.id));
    });
  });

  it('under load no request fails, and none that is sent after Successful runs old code', async () => {
    await hearth.create('busy', edition(0));
    await invoke('busy');
    const load = new Load(hearth.port, ['busy'], 8);
    for (let number = 1; number <= 5; number++) {
      await update('busy', edition(number));
      await updated('busy');
      const since = performance.now();
      await eventually(async () => assert.ok(load.outcomes.filter(({ startedAt }) => startedAt > since).length > 50));
      const seen = resultsOf(load.outcomes.filter(({ startedAt }) => startedAt > since));
      assert.deepEqual([...new Set(seen)], [number]);
    }
    const all = resultsOf(await load.stop());
    assert.deepEqual([...new Set(all)], [0, 1, 2, 3, 4, 5]);
  });

  it('V17: code that throws when it is loaded never takes over; the function says why, also after a restart', async () => {
    await hearth.create('breaks', edition(1));
    await invoke('breaks');
    await update('breaks', edition(2, "throw new TypeError('no database here');"));
    await assert.rejects(updated('breaks'));
    const failed = async (): Promise<void> => {
      const { LastUpdateStatus, LastUpdateStatusReasonCode, LastUpdateStatusReason } = await get('breaks');
      assert.deepEqual([LastUpdateStatus, LastUpdateStatusReasonCode], ['Failed', 'FunctionError.RuntimeInitError']);
      assert.match(LastUpdateStatusReason!, /TypeError: no database here/);
      const { result, requestId } = await invoke('breaks');
      assert.equal(result, 1);
      assert.equal((await record(requestId))['versionReason'], 'stale-update-failed');
    };
    await failed();
    const logs = await fetch(`${hearth.url}/_hearth/logs?function=breaks&account=000000000000&region=us-east-1`);
    assert.match(await logs.text(), /no database here/);
    await hearth.stop();
    hearth = await Hearth.start({ data: hearth.data });
    client = hearth.client();
    await failed();
    // V19: what it was before can be deployed again.
    await update('breaks', edition(1));
    await updated('breaks');
    assert.equal((await invoke('breaks')).result, 1);
  });

  it('hearth deploy --watch: what is saved is live, and what cannot be loaded is told with its place in the file here', async () => {
    const folder = fs.mkdtempSync(join(hearth.data, 'watched-'));
    const save = (code: string): void => fs.writeFileSync(join(folder, 'index.mjs'), code);
    save(edition(1));
    const args = ['deploy', folder, '--name', 'watched', '--watch'];
    const watching = spawn(HEARTH, args, { env: hearth.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [watching.stdout, watching.stderr]) stream.on('data', (text) => (said += String(text)));
    try {
      await eventually(() => assert.match(said, /Watching/));
      assert.equal((await invoke('watched')).result, 1);
      save(edition(2));
      await eventually(async () => assert.equal((await invoke('watched')).result, 2));
      save(`\nthrow new RangeError('too far');`);
      await eventually(() => assert.ok(said.includes(`RangeError: too far (${folder}/index.mjs:2`), said));
      assert.equal((await invoke('watched')).result, 2);
      save('export const handler = async () => {{;');
      await eventually(() => assert.match(said, /SyntaxError: Unexpected end of input/));
      save(edition(3));
      await eventually(async () => assert.equal((await invoke('watched')).result, 3));
    } finally {
      watching.kill('SIGINT');
    }
    assert.deepEqual(await once(watching, 'exit'), [0, null]);
  });

  it('delete during an update and during invocations: what runs ends, and nothing is left', async () => {
    await hearth.create('goes', edition(1), { Timeout: 20 });
    await invoke('goes');
    const running = invoke('goes', { ms: 1_000 });
    await eventually(async () => assert.equal((await sandboxesOf('goes'))[0]?.state, 'executing'));
    await update('goes', edition(2, SLOW));
    await client.send(new DeleteFunctionCommand({ FunctionName: 'goes' }));
    await assert.rejects(invoke('goes'), { name: 'ResourceNotFoundException' });
    assert.equal((await running).result, 1);
    await eventually(async () => assert.deepEqual(await sandboxesOf('goes'), []));
  });

  it('an alias that is moved under load: no request fails, and none that is sent after the answer runs the version before', async () => {
    await hearth.create('shop', edition(1));
    await client.send(new PublishVersionCommand({ FunctionName: 'shop' }));
    await client.send(new CreateAliasCommand({ FunctionName: 'shop', Name: 'live', FunctionVersion: '1' }));
    await update('shop', edition(2));
    await updated('shop');
    await client.send(new PublishVersionCommand({ FunctionName: 'shop' }));
    await invoke('shop', {}, 'live');
    const load = new Load(hearth.port, ['shop:live'], 8);
    for (const version of ['2', '1', '2', '1']) {
      await eventually(async () => assert.ok(load.outcomes.length > 20));
      await client.send(new UpdateAliasCommand({ FunctionName: 'shop', Name: 'live', FunctionVersion: version }));
      const since = performance.now();
      await eventually(async () => assert.ok(load.outcomes.filter(({ startedAt }) => startedAt > since).length > 50));
      const seen = resultsOf(load.outcomes.filter(({ startedAt }) => startedAt > since));
      assert.deepEqual([...new Set(seen)], [Number(version)]);
    }
    resultsOf(await load.stop());
  });
});
