/** Runtimes that are not on the machine come from the npm registry, for real. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GetFunctionConfigurationCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { type Answer, Hearth, HEARTH, run } from './testing/hearth.ts';

const VERSIONS = { 'nodejs22.x': 'v22.23.3', 'nodejs24.x': 'v24.21.0', 'nodejs26.x': 'v26.10.0' } as const;
const VERSION = 'export const handler = async () => process.version;';

/** The registry, and a busy machine, may be slow. */
const REGISTRY_LIMIT_MS = 120_000;

describe('a runtime that is not on the machine', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
  });

  after(() => hearth[Symbol.asyncDispose]());

  async function list(): Promise<{ name: string; state: string; fetched: number; path: string | null }[]> {
    return (await hearth.get('/_hearth/runtimes')).runtimes;
  }

  const stateOf = async (name: string): Promise<string | undefined> =>
    (await list()).find((runtime) => runtime.name === name)?.state;

  /** Invokes a function, which must not fail, and tells why its sandbox was made as it was. */
  async function invoke(name: string): Promise<Answer & { reason: string }> {
    const answer = await hearth.invoke(name);
    assert.equal(answer.error, undefined, `${name}: ${answer.log}`);
    const [, id] = /RequestId: (\S+)/.exec(answer.log) ?? [];
    return { ...answer, reason: (await hearth.get(`/_hearth/invocations/${id}`)).reason };
  }

  it('a server that is killed while it fetches leaves nothing that is taken for whole, and no process', async () => {
    const killed = hearth;
    await fetch(`${killed.url}/_hearth/runtimes/nodejs22.x`, { method: 'POST' });
    await eventually(
      async () => assert.ok((await list()).some(({ state, fetched }) => state === 'fetching' && fetched > 0)),
      REGISTRY_LIMIT_MS,
    );
    const stage = join(killed.dataDirectory, 'fetching/nodejs22.x');
    assert.ok(processesIn(stage).length > 0);
    const exit = once(killed.process, 'exit');
    killed.process.kill('SIGKILL');
    await exit;
    await eventually(() => assert.deepEqual(processesIn(stage), []));
    assert.deepEqual(fs.readdirSync(join(killed.dataDirectory, 'runtimes')), []);
    hearth = await Hearth.start({ data: killed.data });
    assert.equal(await stateOf('nodejs22.x'), 'absent');
    assert.equal(fs.existsSync(stage), false);
  });

  it('a function is Pending until its runtime is there, and an invocation waits for it (functions-states.html)', async () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    const client = hearth.client();
    const created = hearth.create('first22', VERSION, { Runtime: 'nodejs22.x', Timeout: 30, MemorySize: 1024 });
    await eventually(async () => assert.equal(await stateOf('nodejs22.x'), 'fetching'));
    const { State, StateReason } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'first22' }));
    assert.deepEqual([State, StateReason], ['Pending', 'nodejs22.x is being fetched: it was not on this machine.']);
    const [{ payload, startPath, reason }] = await Promise.all([invoke('first22'), created]);
    assert.equal(payload, VERSIONS['nodejs22.x']);
    assert.equal(startPath, 'exec');
    assert.match(reason, /no warm zygote of nodejs22\.x yet/);
  });

  it('an update to a runtime that is not there is InProgress until it is; hearth runtimes fetches and shows it', async () => {
    const client = hearth.client();
    await hearth.create('changes', VERSION, { Timeout: 30, MemorySize: 1024 });
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'changes', Runtime: 'nodejs24.x' }));
    const found = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'changes' }));
    assert.deepEqual([found.State, found.LastUpdateStatus], ['Active', 'InProgress']);
    const installed = JSON.parse(
      await run(HEARTH, ['runtimes', 'install', 'nodejs24.x', '--json'], hearth.environment()),
    );
    assert.deepEqual([installed.state, installed.version], ['ready', '24.21.0']);
    assert.ok(fs.statSync(installed.path).isFile());
    assert.equal((await invoke('changes')).payload, VERSIONS['nodejs24.x']);
    const updated = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'changes' }));
    assert.equal(updated.LastUpdateStatus, 'Successful');
    const table = await run(HEARTH, ['runtimes'], hearth.environment());
    for (const version of Object.values(VERSIONS))
      assert.match(table, new RegExp(`${version.slice(1)} +ready +\\d+ MB +/`));
    await assert.rejects(
      run(HEARTH, ['runtimes', 'install', 'nodejs2.x'], hearth.environment()),
      /There is no runtime/,
    );
  });
});

/** Ids of the processes that work in a directory. */
function processesIn(directory: string): string[] {
  return fs.readdirSync('/proc').filter((id) => {
    if (!/^\d+$/.test(id)) return false;
    try {
      return fs.readlinkSync(`/proc/${id}/cwd`).startsWith(directory);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}
