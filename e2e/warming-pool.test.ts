/** The warming pool with real instances: what is declared is there, what is taken is replaced, and the number follows the draws. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';

const VERSION = 'export const handler = async () => process.version;';
const CODE = 'export const handler = async (event) => event;';

interface DemandHistory {
  draws: { day: unknown[] };
  load: { week: unknown[] };
}

interface Fleet {
  instances: {
    id: string;
    pool: string;
    subPool: string;
    account: string | null;
    state: string;
    configuration: string | null;
  }[];
  warmingPool: {
    general: {
      configurations: { name: string; runtime: string; target: number; ready: number; booting: number }[];
      level: number;
      refill: number;
      drawsPerMinute: number;
      requestsPerSecond: number;
    };
  };
}

describe('the warming pool', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({
      settings: {
        instances: 2,
        maxWarmInstances: 4,
        busyDrawsPerMinute: 2,
        instanceMemoryMb: 1024,
        healthCheckMs: 1_000,
      },
    });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const fleet = (): Promise<Fleet> => hearth.get('/_hearth/fleet') as Promise<Fleet>;
  const ready = async (count: number): Promise<Fleet> => {
    let seen: Fleet | undefined;
    await eventually(async () => {
      seen = await fleet();
      assert.equal(seen.warmingPool.general.configurations[0]!.ready, count);
    });
    return seen!;
  };

  it('shows its configurations, and each instance in one pool (T2, D1)', async () => {
    const { instances, warmingPool } = await ready(2);
    assert.deepEqual(warmingPool.general.configurations, [
      { name: 'nodejs26.x/1024', runtime: 'nodejs26.x', memory: 1024 * 1024 * 1024, target: 2, ready: 2, booting: 0 },
    ]);
    assert.equal(instances.length, 2);
    for (const { pool, subPool, account, state, configuration } of instances) {
      assert.deepEqual(
        [pool, subPool, account, state, configuration],
        ['warming', 'general', null, 'warm', 'nodejs26.x/1024'],
      );
    }
  });

  it('an instance that is drawn belongs to the account, and is replaced (T6, T19, A1, Z1)', async () => {
    const account = '111111111111';
    const warm = new Set((await ready(2)).instances.map(({ id }) => id));
    await hearth.create('echo', CODE, {}, account);
    await hearth.invoke('echo', {}, account);
    const { instances } = await ready(2);
    const active = instances.filter(({ pool }) => pool === 'active');
    assert.deepEqual(
      active.map((one) => [one.account, one.subPool, warm.has(one.id)]),
      [[account, 'general', true]],
    );
    assert.equal(new Set(instances.map(({ id }) => id)).size, instances.length);
    assert.equal(instances.filter(({ id }) => warm.has(id)).length, 2);
  });

  it('while draws are many each adds two, up to the most (A3)', async () => {
    for (const account of ['222222222222', '333333333333', '444444444444']) {
      await hearth.create('echo', CODE, {}, account);
      await hearth.invoke('echo', {}, account);
    }
    const { warmingPool } = await fleet();
    assert.equal(warmingPool.general.refill, 2);
    assert.equal(warmingPool.general.level, 4);
    await ready(4);
  });

  it('instances that are well outlive their checks (X22)', async () => {
    const known = (await ready(4)).instances.map(({ id }) => id);
    // The checks of four instances, each within a second and a half.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const { instances } = await ready(4);
    assert.deepEqual(new Set(instances.map(({ id }) => id)), new Set(known));
    assert.doesNotMatch(hearth.errors, /is not well/);
  });

  it('what it has learnt of its demand is kept when it ends', async () => {
    assert.equal(await hearth.stop(), 0);
    const { draws, load } = JSON.parse(
      readFileSync(join(hearth.dataDirectory, 'demand.json'), 'utf8'),
    ) as DemandHistory;
    // Slots of ten minutes.
    assert.deepEqual([draws.day.length, load.week.length], [144, 1008]);
  });
});

describe('a warming pool of two runtimes', () => {
  it('gives each function an instance whose zygote is of its own (T5)', async () => {
    await using hearth = await Hearth.start({
      settings: { instances: 2, runtimes: ['nodejs26.x', 'nodejs24.x'], instanceMemoryMb: 1024 },
      runtimes: ['nodejs24.x'],
    });
    await eventually(async () => {
      const { warmingPool } = (await hearth.get('/_hearth/fleet')) as Fleet;
      const ready = warmingPool.general.configurations.map((one) => [one.name, one.ready]);
      assert.deepEqual(ready, [
        ['nodejs26.x/1024', 1],
        ['nodejs24.x/1024', 1],
      ]);
    }, 60_000);
    const account = '555555555555';
    await hearth.create('old', VERSION, { Runtime: 'nodejs24.x' }, account);
    const { payload, startPath } = await hearth.invoke('old', {}, account);
    assert.match(String(payload), /^v24\./);
    // Where its zygote is not warm, the first sandboxes start anew.
    assert.equal(startPath, 'spare');
  });
});
