/** Parts of Hearth are killed under load: callers get answers, what is left works on, and nothing stays behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';
import { holdingsOf, partsOf } from './testing/holdings.ts';
import { Load, type Outcome } from './testing/load.ts';

const NOTHING = { processes: [], cgroups: [], interfaces: [], tables: [], loopDevices: [], mounts: [], files: [] };
const CONNECTIONS = 8;
const SETTINGS = { instances: 2, slots: 16 };

const QUICK = `export const handler = async (event) => event;`;
const SLOW = `export const handler = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return event;
};`;

async function createBoth(hearth: Hearth): Promise<void> {
  await hearth.create('quick', QUICK);
  await hearth.create('slow', SLOW);
}

/** Load of which requests are certainly under way. */
async function loadOn(hearth: Hearth): Promise<Load> {
  const load = new Load(hearth.port, ['quick', 'slow'], CONNECTIONS);
  await eventually(() => assert.ok(load.outcomes.length >= 100 && load.inFlight === CONNECTIONS));
  return load;
}

const kill = (pids: readonly number[]): void => {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
};

const failed = ({ status, functionError }: Outcome): boolean => status !== 200 || functionError !== undefined;

const text = (outcomes: readonly Outcome[]): string => JSON.stringify(outcomes.slice(0, 20), null, 1);

describe('a server of which a part is killed', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ settings: SETTINGS });
    await createBoth(hearth);
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** The sandbox, zygote or agent of the instance that serves; each loses what it held, and no more. */
  for (const part of ['sandboxes', 'zygotes', 'agents'] as const) {
    it(`answers every caller and serves on: ${part}`, async () => {
      const load = await loadOn(hearth);
      kill(partsOf(hearth.process.pid!)[part]);
      const answered = load.outcomes.length;
      await eventually(() => {
        const since = load.outcomes.slice(answered);
        // Requests that came after the kill are served again: as many as there are connections, one after the other.
        assert.ok(since.length > 50 && since.slice(-2 * CONNECTIONS).every((outcome) => !failed(outcome)), text(since));
      }, 30_000);
      const outcomes = await load.stop();
      assert.deepEqual(
        outcomes.filter(({ status }) => status === undefined),
        [],
        'a connection closed without an answer',
      );
      const failures = outcomes.filter(failed);
      assert.ok(failures.length <= 2 * CONNECTIONS, text(failures));
      for (const { body, status } of failures) assert.ok(JSON.parse(body), `${status} ${body}`);
      assert.deepEqual((await hearth.invoke('quick', { still: 'here' })).payload, { still: 'here' });
      await eventually(async () => {
        const { instances } = await hearth.get('/_hearth/fleet');
        const { agents, zygotes } = partsOf(hearth.process.pid!);
        assert.deepEqual([agents.length, zygotes.length], [instances.length, instances.length]);
      });
    });
  }

  it('holds nothing once it has ended', async () => {
    assert.equal(await hearth.stop(), 0);
    // The kernel removes an unmounted hierarchy of groups a moment later.
    await eventually(() => assert.deepEqual(holdingsOf(hearth.dataDirectory), NOTHING));
  });
});

describe('a server', () => {
  const directories: string[] = [];
  const start = async (data?: string): Promise<Hearth> => {
    const directory = data ?? fs.mkdtempSync('/var/tmp/hearth-e2e-');
    if (data === undefined) directories.push(directory);
    return Hearth.start({ settings: SETTINGS, data: directory });
  };

  after(() => {
    for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
  });

  /** After the next life has begun, served and ended. */
  const assertNothingAfterRestart = async (dead: Hearth): Promise<void> => {
    await using next = await start(dead.data);
    assert.deepEqual((await next.invoke('quick', { n: 2 })).payload, { n: 2 });
    assert.equal(await next.stop(), 0);
    await eventually(() => assert.deepEqual(holdingsOf(next.dataDirectory), NOTHING));
  };

  it('whose spawner is killed ends with a clear message, and all instances with it', async () => {
    const hearth = await start();
    await createBoth(hearth);
    const load = await loadOn(hearth);
    const exit = once(hearth.process, 'exit');
    kill([partsOf(hearth.process.pid!).spawner]);
    const [code] = (await exit) as [number | null];
    await load.stop();
    assert.equal(code, 1);
    assert.match(hearth.errors, /the spawner ended \(SIGKILL\) and its instances with it/);
    await eventually(() => assert.deepEqual(holdingsOf(hearth.dataDirectory).processes, []));
    await assertNothingAfterRestart(hearth);
  });

  it('that is killed leaves nothing behind: its spawner sees to that', async () => {
    const hearth = await start();
    await createBoth(hearth);
    const load = await loadOn(hearth);
    const exit = once(hearth.process, 'exit');
    kill([hearth.process.pid!]);
    await Promise.all([exit, load.stop()]);
    await eventually(() => assert.deepEqual({ ...holdingsOf(hearth.dataDirectory), files: [] }, NOTHING));
    await assertNothingAfterRestart(hearth);
  });

  it('that is killed together with its spawner leaves nothing once it has lived again', async () => {
    const hearth = await start();
    await createBoth(hearth);
    const load = await loadOn(hearth);
    const exit = once(hearth.process, 'exit');
    const { server, spawner } = partsOf(hearth.process.pid!);
    kill([spawner, server]);
    await Promise.all([exit, load.stop()]);
    // A version 1 freezer holds back even SIGKILL: who is frozen dies in the next life, which thaws it.
    await eventually(() => {
      const { processes } = holdingsOf(hearth.dataDirectory);
      assert.deepEqual(
        processes.filter((line) => !line.endsWith('/var/lang/bin/node')),
        [],
      );
    });
    await assertNothingAfterRestart(hearth);
  });

  it('that is killed while it makes instances leaves nothing once it has lived again', async () => {
    const hearth = await start();
    await createBoth(hearth);
    // An account each: an instance each, most of which boot now.
    const accounts = Array.from({ length: 6 }, (_, i) => String(300000000000 + i));
    await Promise.all(accounts.map((account) => hearth.create('own', QUICK, {}, account)));
    const calls = Promise.allSettled(accounts.map((account) => hearth.invoke('own', {}, account)));
    await eventually(() => assert.ok(partsOf(hearth.process.pid!).agents.length > 2));
    const exit = once(hearth.process, 'exit');
    kill([hearth.process.pid!]);
    await Promise.all([exit, calls]);
    await eventually(() => assert.deepEqual(holdingsOf(hearth.dataDirectory).processes, []));
    await assertNothingAfterRestart(hearth);
  });
});
