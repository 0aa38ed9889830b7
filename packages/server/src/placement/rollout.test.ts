import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { testSpec } from '../instances/testing/spec.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

/** Invocations that end when the test says so. */
class Gate {
  readonly #held: (() => void)[] = [];

  readonly handler: FakeHandler = (event) => new Promise((resolve) => this.#held.push(() => resolve(event)));

  open(count = this.#held.length): void {
    for (const release of this.#held.splice(0, count)) release();
  }
}

const never = new AbortController().signal;
const instancesOf = (t: TestFleet) => t.fleet.view().instances.filter(({ pool }) => pool === 'active');
const sandboxesOf = (t: TestFleet, number: string) =>
  instancesOf(t).flatMap(({ id, sandboxes }) =>
    sandboxes.filter((sandbox) => sandbox.version === number).map((sandbox) => ({ ...sandbox, instance: id })),
  );

/** A version of the function, with code and a key of its own. */
function version(t: TestFleet, number: number, more: Partial<FunctionSpec> = {}): FunctionSpec {
  const bytes = Buffer.from(`${more.handler === 'zip' ? 'broken' : 'code'} ${number}`);
  const account = more.account ?? '111111111111';
  const code = { sha256: t.code.put(account, bytes), size: bytes.length };
  return testSpec({ key: `${account}/f/${number}`, version: String(number), timeoutMs: 60_000, ...more, code });
}

/** Has so many invocations of a version run at once, and lets them run on. */
async function load(t: TestFleet, spec: FunctionSpec, count: number): Promise<{ ended: Promise<unknown> }> {
  const running = Array.from({ length: count }, () => t.invoke(spec));
  await settled();
  return { ended: Promise.all(running) };
}

async function pass(t: TestFleet, milliseconds: number): Promise<void> {
  t.clock.advance(milliseconds);
  await settled();
}

test('V3, V4, V9, V14, V22: a new version is loaded in second sandboxes on the instance of the old, while the old runs and before anyone asks for the new', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  const { ended } = await load(t, old, 2);
  await t.fleet.prepare(old, next, never);
  const states = (number: string) => sandboxesOf(t, number).map(({ state }) => state);
  assert.deepEqual(states('1'), ['executing', 'executing']);
  assert.deepEqual(states('2'), ['idle', 'idle']);
  const [instance] = instancesOf(t);
  assert.equal(instancesOf(t).length, 1);
  assert.equal(instance!.account, old.account);
  gate.open();
  await ended;
  const first = t.invoke(next);
  await settled();
  gate.open();
  assert.equal((await first).startPath, 'warm');
});

test('V7: where no sandbox of the old version is warm there is nothing to prepare', async () => {
  await using t = new TestFleet();
  assert.equal(t.fleet.prepare(version(t, 1), version(t, 2), never), undefined);
  assert.equal(sandboxesOf(t, '2').length, 0);
});

test('as many sandboxes are made as the load of the last second needs, not as many as there are', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const old = version(t, 1);
  const { ended } = await load(t, old, 5);
  gate.open();
  await ended;
  await pass(t, 999);
  await t.fleet.prepare(old, version(t, 2), never);
  assert.equal(sandboxesOf(t, '2').length, 5);
  await pass(t, 1);
  await t.fleet.prepare(old, version(t, 3), never);
  assert.equal(sandboxesOf(t, '3').length, 1);
});

test('of a quick function no more are made than may be busy before its requests wait', async () => {
  const gate = new Gate();
  let known = false;
  await using t = new TestFleet({
    processors: 2,
    instanceMemoryMb: 16_384,
    maxMemoryMb: 32_768,
    handlers: { 'index.handler': (event, context) => (known ? gate.handler(event, context) : event) },
  });
  const [old, next] = [version(t, 1, { memoryMb: 1769 }), version(t, 2, { memoryMb: 1769 })];
  const first = Array.from({ length: 4 }, () => t.invoke(old));
  await settled();
  t.clock.advance(200);
  await settled();
  await Promise.all(first);
  for (let done = 0; done < 10; done++) await t.invoke(old);
  known = true;
  await load(t, old, 4);
  await t.fleet.prepare(old, next, never);
  assert.equal(sandboxesOf(t, '2').length, 2);
  // It is taken to be quick too: who comes now waits for one of them.
  await load(t, next, 6);
  assert.equal(sandboxesOf(t, '2').length, 2);
  for (let ended = 0; ended < 10; ended++) {
    gate.open();
    await settled();
  }
});

test('what the load has grown by while sandboxes were made is made too', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  await load(t, old, 1);
  const opened = Promise.withResolvers<void>();
  t.code.held = opened.promise;
  const prepared = t.fleet.prepare(old, next, never);
  await settled();
  await load(t, old, 3);
  opened.resolve();
  await prepared;
  assert.equal(sandboxesOf(t, '2').length, 4);
  gate.open();
});

test('V16: however many sandboxes of the new version an instance gets, it fetches the code once', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  await load(t, old, 6);
  // Who demands the new version does not fetch it a second time either.
  const [, demanded] = [t.fleet.prepare(old, next, never), t.invoke(next)];
  await settled();
  assert.ok(sandboxesOf(t, '2').length >= 6);
  const [agent] = t.provider.agents.values();
  assert.deepEqual(agent!.fetched, [old.code.sha256, next.code.sha256]);
  gate.open();
  await demanded;
});

for (const what of ['code', 'layer']) {
  test(`V15: of many instances only two fetch the new ${what} at the same time`, async () => {
    const gate = new Gate();
    await using t = new TestFleet({
      handlers: { 'index.handler': gate.handler },
      warmInstances: 6,
      maxMemoryMb: 16 * 1024,
    });
    const old = version(t, 1, { memoryMb: 400 });
    const changed = version(t, 2, { memoryMb: 96 });
    const next = what === 'code' ? changed : { ...changed, code: old.code, layers: [changed.code] };
    // Two fit on an instance.
    const { ended } = await load(t, old, 12);
    for (let turn = 0; turn < 20; turn++) await pass(t, 200);
    assert.equal(instancesOf(t).length, 6);
    const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
    t.code.peak = 0;
    t.code.held = gates[0]!.promise;
    const prepared = t.fleet.prepare(old, next, never);
    await settled();
    // The first shows whether the version is any good, before any other fetches it.
    assert.equal(t.code.running, 1);
    for (const [index, { resolve }] of gates.entries()) {
      t.code.held = gates[index + 1]?.promise;
      resolve();
      await settled();
      assert.ok(t.code.running <= 2);
    }
    await prepared;
    assert.equal(t.code.peak, 2);
    assert.equal(new Set(sandboxesOf(t, '2').map(({ instance }) => instance)).size, 6);
    gate.open();
    await ended;
  });
}

test('V17: a download that breaks off is tried again after a while, and a longer one each time', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  await load(t, old, 1);
  // An agent is asked three times before placement calls it a failure.
  t.code.failures = 6;
  const prepared = t.fleet.prepare(old, next, never)!;
  for (const wait of [100, 200]) {
    await settled();
    const before = t.code.opened;
    await pass(t, wait - 1);
    assert.equal(t.code.opened, before);
    await pass(t, 1);
    assert.ok(t.code.opened > before);
  }
  await prepared;
  assert.equal(sandboxesOf(t, '2')[0]!.state, 'idle');
  gate.open();
});

test('V17: what never comes undamaged does not take over, and leaves nothing behind', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  await load(t, old, 1);
  t.code.put(old.account, Buffer.from('code 3'), next.code.sha256);
  const failed = assert.rejects(t.fleet.prepare(old, next, never)!, {
    code: 'InternalError',
    message: /the code is not what its hash says/,
  });
  for (let turn = 0; turn < 20; turn++) await pass(t, 100);
  await failed;
  assert.equal(sandboxesOf(t, '2').length, 0);
  assert.equal(sandboxesOf(t, '1')[0]!.state, 'executing');
  gate.open();
});

test('V8, V19: what an instance has had before is not fetched again: going back is loading it, and no more', async () => {
  await using t = new TestFleet();
  const [one, two] = [version(t, 1), version(t, 2)];
  const oneAgain = { ...one, key: 'f/1 again' };
  await t.invoke(one);
  for (const [old, next] of [
    [one, two],
    [two, oneAgain],
  ] as const) {
    await t.fleet.prepare(old, next, never);
    t.fleet.retire(old);
  }
  const [agent] = t.provider.agents.values();
  assert.deepEqual(agent!.fetched, [one.code.sha256, two.code.sha256]);
  assert.equal((await t.invoke(oneAgain)).startPath, 'warm');
});

const FAULTS: readonly [string, Partial<FunctionSpec>, Partial<RolloutError>][] = [
  ['throws when it is loaded', { handler: 'missing' }, { code: 'FunctionError.RuntimeInitError' }],
  ['takes too long to load', { handler: 'hangs' }, { code: 'FunctionError.InitTimeout' }],
  ["can't be unpacked", { handler: 'zip' }, { code: 'InvalidZipFileException' }],
  ['is larger than any instance', { memoryMb: 8192 }, { code: 'InsufficientCapacity' }],
];
for (const [fault, settings, expected] of FAULTS) {
  test(`a version that ${fault} does not take over`, async () => {
    const gate = new Gate();
    await using t = new TestFleet({
      handlers: { 'index.handler': gate.handler, zip: gate.handler },
      hangingInits: new Set(['hangs']),
    });
    const [old, next] = [version(t, 1), version(t, 2, { timeoutMs: 3_000, ...settings })];
    await load(t, old, 3);
    const opened = t.code.opened;
    const failed = assert.rejects(t.fleet.prepare(old, next, never)!, (error: RolloutError) => {
      assert.ok(error instanceof RolloutError);
      assert.equal(error.code, expected.code);
      return true;
    });
    await settled();
    // Where one has shown it, no other is made.
    assert.ok(t.code.opened - opened <= 1);
    await pass(t, 10_000);
    await failed;
    await settled();
    assert.equal(sandboxesOf(t, '2').length, 0);
    assert.equal(sandboxesOf(t, '1').length, 3);
    gate.open();
  });
}

test('the log of the new version tells of its init before anyone has invoked it', async () => {
  await using t = new TestFleet();
  const [old, next] = [version(t, 1), version(t, 2, { logGroup: 'new' })];
  await t.invoke(old);
  await t.fleet.prepare(old, next, never);
  assert.match([...t.logs.streams].find(([name]) => name.startsWith('new'))![1], /^INIT_START/);
});

test('an update that is called off makes nothing more, and what was made goes', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  await load(t, old, 3);
  const opened = Promise.withResolvers<void>();
  t.code.held = opened.promise;
  const off = new AbortController();
  const failed = assert.rejects(t.fleet.prepare(old, next, off.signal)!, /deleted/);
  await settled();
  off.abort(new Error('deleted'));
  opened.resolve();
  await failed;
  await settled();
  assert.equal(sandboxesOf(t, '2').length, 0);
  gate.open();
});

test('without room for all, the new version takes over with the sandboxes that there was room for', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler }, warmInstances: 0, maxMemoryMb: 1024 });
  const [old, next] = [version(t, 1, { memoryMb: 256 }), version(t, 2, { memoryMb: 256 })];
  const { ended } = await load(t, old, 3);
  const prepared = t.fleet.prepare(old, next, never)!;
  for (let turn = 0; turn < 400; turn++) await pass(t, 1_000);
  gate.open();
  await prepared;
  assert.equal(sandboxesOf(t, '2').length, 1);
  await ended;
});

test('V10, V11: what runs on the old version ends on it, and then nothing is left of it', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  const { ended } = await load(t, old, 2);
  await t.fleet.prepare(old, next, never);
  t.fleet.retire(old);
  assert.equal(t.fleet.begun(old), undefined);
  await settled();
  assert.equal(sandboxesOf(t, '1').length, 2);
  gate.open();
  await ended;
  await settled();
  assert.equal(sandboxesOf(t, '1').length, 0);
});

test('V11: idle sandboxes of the old version are ended one after the other, and what runs is not disturbed', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler } });
  const [old, next] = [version(t, 1), version(t, 2)];
  const { ended } = await load(t, old, 4);
  gate.open();
  await ended;
  await t.fleet.prepare(old, next, never);
  t.fleet.retire(old);
  for (const left of [3, 2, 1, 0]) {
    await settled();
    assert.equal(sandboxesOf(t, '1').length, left);
    t.clock.advance(10);
  }
  assert.equal(sandboxesOf(t, '2').length, 4);
});

test('a version is left when all that it was asked for has begun, and not before', async () => {
  const gate = new Gate();
  let known = false;
  await using t = new TestFleet({
    processors: 1,
    instanceMemoryMb: 4096,
    maxMemoryMb: 8192,
    handlers: { 'index.handler': (event, context) => (known ? gate.handler(event, context) : event) },
  });
  const old = version(t, 1, { memoryMb: 1769 });
  for (let done = 0; done < 10; done++) await t.invoke(old);
  known = true;
  // One of them runs, the others stand in its line.
  const { ended } = await load(t, old, 3);
  let left = false;
  t.fleet.retire(old);
  void t.fleet.begun(old)!.then(() => (left = true));
  for (const more of [false, false, true]) {
    await pass(t, 1);
    assert.equal(left, more);
    // No other sandbox is made for those who stand in line.
    assert.equal(sandboxesOf(t, '1').length, 1);
    gate.open(1);
    await settled();
  }
  await ended;
  assert.equal(sandboxesOf(t, '1').length, 0);
});
