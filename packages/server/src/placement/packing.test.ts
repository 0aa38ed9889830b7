import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import { testSpec } from '../instances/testing/spec.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { Sandbox } from './sandbox.ts';
import { LeanManager } from './testing/lean-manager.ts';

/** Instances of 1 GB. */
class Fixture {
  readonly lean: LeanManager;

  constructor(warmInstances = 4) {
    this.lean = new LeanManager({ instanceMemoryMb: 1024, warmInstances, maxMemoryMb: 65_536 });
  }

  async start(): Promise<this> {
    await this.lean.capacity.start();
    await new Promise((resolve) => setImmediate(resolve));
    return this;
  }

  /** As the router does: an idle sandbox, else a new one; it executes. */
  async run(spec: FunctionSpec): Promise<Sandbox> {
    const { manager } = this.lean;
    const idle = manager.takeIdle(spec);
    if (idle !== undefined) return idle;
    const placing = this.lean.place(spec);
    this.lean.obey();
    const sandbox = await placing;
    this.lean.initialise(sandbox);
    return sandbox;
  }

  /** It has answered, and counts with what it uses. */
  rest(...sandboxes: Sandbox[]): void {
    for (const sandbox of sandboxes) this.lean.manager.release(sandbox, sandbox.lease, this.lean.clock.now());
    this.lean.clock.advance(5);
  }

  /** It is gone. */
  end(...sandboxes: Sandbox[]): void {
    for (const sandbox of sandboxes) this.lean.manager.destroy(sandbox, 'its time is over');
    this.lean.obey();
  }
}

const specOf = (functionName: string, memoryMb = 256, account = '111111111111') =>
  testSpec({ account, functionName, memoryMb, code: { sha256: functionName.padEnd(64, '0'), size: 1 } });
const instancesOf = (sandboxes: readonly Sandbox[]) => sandboxes.map(({ instance }) => instance.id);

test('a new sandbox goes to the fullest instance that has room, so that others can empty (L5, X5)', async () => {
  const t = await new Fixture().start();
  const first = [await t.run(specOf('a', 512)), await t.run(specOf('a', 512))];
  const second = [await t.run(specOf('b', 256)), await t.run(specOf('b', 256)), await t.run(specOf('b', 256))];
  assert.equal(new Set(instancesOf([...first, ...second])).size, 2);
  t.end(first[0]!);
  assert.equal(
    (await t.run(specOf('c', 128))).instance,
    second[0]!.instance,
    '256 MB are free there, 512 on the other',
  );
  assert.equal((await t.run(specOf('d', 300))).instance, first[1]!.instance, 'the only one with so much room');
});

test('among those that have the code it is the fullest, too (L4)', async () => {
  const t = await new Fixture().start();
  const [one, , third] = [
    await t.run(specOf('code', 600)),
    await t.run(specOf('filler', 400)),
    await t.run(specOf('code', 600)),
  ];
  assert.notEqual(one.instance, third.instance);
  t.end(one, third);
  assert.equal((await t.run(specOf('code', 600))).instance, one.instance);
});

test('an instance with the code and room is found, however many others with the code have none (L4, L10)', async () => {
  const t = await new Fixture(40).start();
  const sandboxes = [];
  for (let index = 0; index < 40; index++) sandboxes.push(await t.run(specOf('code', 1024)));
  const free = sandboxes[37]!;
  t.end(free);
  // Each search leaves those that have no room behind the others.
  for (let search = 0; ; search++) {
    const found = await t.run(specOf('code', 1024));
    assert.equal(found.instance, free.instance);
    if (found.reason.includes('has the code and room')) break;
    assert.ok(search < 5, 'it is found for its room only');
    t.end(found);
  }
});

test('what is committed counts: executing sandboxes fill an instance by their limits, idle ones by what they use (L9, T22)', async () => {
  const t = await new Fixture().start();
  const sandboxes = [await t.run(specOf('a', 500)), await t.run(specOf('b', 500))];
  const [first] = instancesOf(sandboxes);
  assert.deepEqual(instancesOf(sandboxes), [first, first]);
  assert.notEqual((await t.run(specOf('c', 600))).instance.id, first, '24 MB are free of 1,024');
  t.rest(...sandboxes);
  assert.equal((await t.run(specOf('d', 500))).instance.id, first, 'now they use 10 MB each');
  for (const { committedMb, capacityMb } of t.lean.manager.instances) assert.ok(committedMb <= capacityMb);
});

test('many requests at once have a sandbox each, side by side on the account’s instance (T11)', async () => {
  const t = await new Fixture().start();
  const spec = specOf('f', 128);
  const sandboxes = [await t.run(spec), await t.run(spec), await t.run(spec), await t.run(spec)];
  assert.equal(new Set(sandboxes).size, 4);
  assert.equal(new Set(instancesOf(sandboxes)).size, 1);
});

test('an idle sandbox before a new one, a new one where the account is before an instance from the warming pool (L3, L5, L7, T10, T12)', async () => {
  const t = await new Fixture().start();
  const spec = specOf('f', 512);
  const first = await t.run(spec);
  assert.equal(first.instanceStep, 'warming');
  const second = await t.run(spec);
  assert.deepEqual([second.instanceStep, second.instance], ['active', first.instance]);
  t.rest(second);
  assert.equal(await t.run(spec), second, 'idle, and not the busy one');
  const third = await t.run(spec);
  assert.equal(third.instanceStep, 'warming');
  assert.notEqual(third.instance, first.instance);
});

test('functions and roles of an account share its instances; another account has its own (L18, T21, X6)', async () => {
  const t = await new Fixture().start();
  const mine = await t.run({ ...specOf('a'), role: 'arn:aws:iam::111111111111:role/one' });
  const also = await t.run({ ...specOf('b'), role: 'arn:aws:iam::111111111111:role/two' });
  const other = await t.run(specOf('a', 256, '222222222222'));
  assert.equal(mine.instance, also.instance);
  assert.notEqual(mine.instance, other.instance);
  assert.equal(other.instance.account, '222222222222');
});

test('an instance that was an account’s is nobody else’s afterwards, nor warm again: it ends (T16, Z1)', async () => {
  await using t = new TestFleet();
  await t.invoke(t.spec());
  const used = t.fleet.view().instances.find(({ pool }) => pool === 'active')!.id;
  // It is replaced meanwhile.
  t.clock.advance(100);
  await settled();
  t.clock.advance(10 * 60_000);
  await settled();
  await t.invoke(t.spec({ account: '222222222222' }));
  const states = () => t.fleet.view().instances.map(({ id, pool, account }) => ({ id, pool, account }));
  assert.deepEqual(
    states().find(({ id }) => id === used),
    { id: used, pool: 'active', account: '111111111111' },
    'it is empty and kept for its account',
  );
  t.clock.advance(31 * 60_000);
  await settled();
  assert.equal(
    states().some(({ id }) => id === used),
    false,
  );
  assert.equal(t.provider.agents.has(used), false, 'and so is all that was in it');
});
