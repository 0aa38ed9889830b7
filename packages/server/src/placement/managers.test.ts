import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import { ManualClock } from '../instances/testing/manual-clock.ts';
import { testSpec } from '../instances/testing/spec.ts';
import { Managers } from './managers.ts';
import type { Sandbox } from './sandbox.ts';
import { LeanManager } from './testing/lean-manager.ts';

const ACCOUNT = '111111111111';
const LEASES = 4;

/** Three managers on machines of their own; each takes 4 of an account's invocations before it says that it has enough. */
class Fixture {
  readonly clock = new ManualClock();
  readonly leans: LeanManager[];
  readonly managers: Managers;

  constructor(limit = 100) {
    this.leans = [0, 1, 2].map(
      (manager) =>
        new LeanManager({
          instanceMemoryMb: 4096,
          warmInstances: 3,
          maxMemoryMb: 65_536,
          manager,
          accountLeases: LEASES,
        }),
    );
    this.managers = new Managers({
      clock: this.clock,
      managers: this.leans.map(({ manager }) => manager),
      epoch: 1,
      accountLeases: LEASES,
      accountConcurrency: () => limit,
      waitMs: 30_000,
    });
  }

  async start(): Promise<this> {
    await Promise.all(this.leans.map(({ capacity }) => capacity.start()));
    await new Promise((resolve) => setImmediate(resolve));
    return this;
  }

  /** As the router does: an idle sandbox, else a new one. */
  async run(spec: FunctionSpec): Promise<Sandbox> {
    const idle = this.managers.takeIdle(spec);
    if (idle !== undefined) return idle;
    const sandbox = await this.place(spec);
    this.leans[sandbox.instance.manager]!.initialise(sandbox);
    return sandbox;
  }

  async place(spec: FunctionSpec): Promise<Sandbox> {
    let waits = true;
    const placing = this.managers.place(spec).finally(() => (waits = false));
    const stillWaits = (): boolean => waits;
    for (let turn = 0; stillWaits(); turn++) {
      assert.ok(turn < 100, 'it waits for ever');
      for (const lean of this.leans) lean.obey();
      // An instance may boot.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return placing;
  }

  async runAll(spec: FunctionSpec, count: number): Promise<Sandbox[]> {
    const sandboxes: Sandbox[] = [];
    for (let index = 0; index < count; index++) sandboxes.push(await this.run(spec));
    return sandboxes;
  }

  end(sandbox: Sandbox): void {
    this.managers.release(sandbox, sandbox.lease, this.clock.now());
  }
}

const specOf = (functionName = 'f', account = ACCOUNT) =>
  testSpec({ account, functionName, code: { sha256: '0'.repeat(64), size: 1 } });
const managersOf = (sandboxes: readonly Sandbox[]) => new Set(sandboxes.map(({ instance }) => instance.manager));

test('all of an account is at one manager as long as that has not had enough; accounts are divided among them (X7, Z1)', async () => {
  const t = await new Fixture().start();
  const owners = new Set<number>();
  for (let account = 0; account < 30; account++) {
    const own = String(100_000_000_000 + account);
    const sandboxes = [...(await t.runAll(specOf('f', own), 2)), ...(await t.runAll(specOf('g', own), 1))];
    assert.equal(managersOf(sandboxes).size, 1);
    owners.add(sandboxes[0]!.instance.manager);
    for (const sandbox of sandboxes) assert.equal(sandbox.instance.account, own);
    sandboxes.forEach((sandbox) => t.end(sandbox));
  }
  assert.equal(owners.size, 3);
});

test('a throttling response widens the account’s set, up to what its limit asks for (X7, N1)', async () => {
  const t = await new Fixture(2 * LEASES).start();
  const spec = specOf();
  const first = await t.runAll(spec, LEASES);
  assert.deepEqual([managersOf(first).size, t.managers.widthOf(spec)], [1, 1]);
  const more = await t.runAll(spec, LEASES);
  assert.deepEqual([managersOf(more).size, t.managers.widthOf(spec)], [1, 2]);
  assert.notDeepEqual(managersOf(more), managersOf(first));
  // The count of requests is not the managers' affair: what was let in is served, by the one that does the least.
  t.end(more[0]!);
  t.managers.destroy(more[0]!, 'it is not to be used again');
  const last = await t.runAll(spec, 2);
  assert.equal(t.managers.widthOf(spec), 2);
  assert.deepEqual(managersOf(last.slice(0, 1)), managersOf(more));
});

test('an idle sandbox is used wherever in the set it is (N1)', async () => {
  const t = await new Fixture().start();
  const spec = specOf();
  const sandboxes = await t.runAll(spec, 2 * LEASES);
  const last = sandboxes.at(-1)!;
  t.end(last);
  assert.equal(await t.run(spec), last);
});

test('when the load falls the set becomes smaller again, one manager after the other (N1)', async () => {
  const t = await new Fixture().start();
  const spec = specOf();
  const sandboxes = await t.runAll(spec, 3 * LEASES);
  assert.equal(t.managers.widthOf(spec), 3);
  t.clock.advance(60_000);
  assert.equal(t.managers.widthOf(spec), 3, 'as long as it is needed');
  for (const sandbox of sandboxes.splice(LEASES / 2)) t.end(sandbox);
  t.clock.advance(10_000);
  assert.equal(t.managers.widthOf(spec), 2);
  t.clock.advance(10_000);
  assert.equal(t.managers.widthOf(spec), 1);
});

test('a function with reserved concurrency has an arc of its own: other functions of its account don’t fill its manager (N2)', async () => {
  const t = await new Fixture(LEASES).start();
  // One whose manager is another there.
  const names = Array.from({ length: 20 }, (_, index) => specOf(`reserved-${index}`));
  const [shared] = await t.runAll(specOf('shared'), 1);
  let apart = 0;
  for (const spec of names) {
    t.managers.reserve(spec, true);
    const sandbox = await t.run(spec);
    if (sandbox.instance.manager !== shared!.instance.manager) apart++;
    t.end(sandbox);
  }
  assert.ok(apart > 3, `${apart} of 20 are elsewhere`);
  const [spec] = names as [FunctionSpec];
  t.managers.reserve(spec, false);
  const sandbox = await t.run({ ...spec, key: 'another version' });
  assert.equal(sandbox.instance.manager, shared!.instance.manager, 'without a reservation it is where its account is');
});

test('while the sandboxes of a function with reserved concurrency are not all busy a request stays with them (N2)', async () => {
  const t = await new Fixture().start();
  const spec = specOf('reserved');
  t.managers.reserve(spec, true);
  const busy = await t.runAll(spec, LEASES / 2);
  const home = busy[0]!.instance.manager;
  // Half of them are still being made.
  for (let count = 0; count < LEASES / 2; count++) await t.place(spec);
  assert.equal((await t.place(spec)).instance.manager, home);
  assert.equal(t.managers.widthOf(spec), 1);
  const all = await new Fixture().start();
  all.managers.reserve(spec, true);
  await all.runAll(spec, LEASES);
  assert.notEqual((await all.place(spec)).instance.manager, home, 'all are busy: another manager');
});
