import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import type { FakeHandler } from '../../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../../invoke/testing/test-fleet.ts';
import { POLICY_NAMES } from './policy.ts';

const MINUTE = 60_000;
const SECONDS = 1_000;
const STEP = 10 * SECONDS;

const sandboxesOf = (t: TestFleet) => t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes);
const activeOf = (t: TestFleet) => t.fleet.view().instances.filter(({ pool }) => pool === 'active');

/** Moves the clock in steps: an agent must have ended a sandbox 15 s after it was told to. */
async function pass(t: TestFleet, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= STEP) {
    t.clock.advance(Math.min(left, STEP));
    await settled();
  }
}

async function callEvery(t: TestFleet, spec: FunctionSpec, gap: number, times: number): Promise<string[]> {
  const paths: string[] = [];
  for (let call = 0; call < times; call++) {
    await pass(t, gap);
    paths.push((await t.invoke(spec)).startPath);
  }
  return paths;
}

for (const keepAlive of POLICY_NAMES) {
  test(`${keepAlive}: code that is not called any more loses its sandbox, then the account its instance (T14, T16, L16)`, async () => {
    await using t = new TestFleet({
      keepAlive,
      sandboxKeepAliveMs: 5 * MINUTE,
      instanceKeepAliveMs: 60 * MINUTE,
      scaleInBelow: 0,
    });
    await t.invoke(t.spec());
    await pass(t, MINUTE);
    const [idle] = sandboxesOf(t);
    assert.ok(idle!.keptWhy!.length > 10, String(idle!.keptWhy));
    const keptFor = new Date(idle!.keptUntil!).getTime() - new Date(idle!.lastUsed!).getTime();
    assert.ok(keptFor < 60 * MINUTE, 'shorter than its instance');
    await pass(t, keptFor - MINUTE - SECONDS);
    assert.equal(sandboxesOf(t).length, 1);
    await pass(t, 2 * SECONDS);
    assert.equal(sandboxesOf(t).length, 0);
    assert.equal(activeOf(t).length, 1, 'the instance outlives it');
    await pass(t, 59 * MINUTE);
    assert.equal(activeOf(t).length, 1);
    await pass(t, 2 * MINUTE);
    assert.equal(activeOf(t).length, 0);
  });

  test(`${keepAlive}: a call before the time is over starts it anew (T15)`, async () => {
    await using t = new TestFleet({ keepAlive, sandboxKeepAliveMs: 5 * MINUTE, instanceKeepAliveMs: 60 * MINUTE });
    const spec = t.spec();
    await t.invoke(spec);
    await pass(t, MINUTE);
    const until = new Date(sandboxesOf(t)[0]!.keptUntil!).getTime();
    assert.equal((await t.invoke(spec)).startPath, 'warm');
    assert.equal(sandboxesOf(t)[0]!.keptUntil, null, 'nothing is decided in the moment after a call');
    await pass(t, SECONDS);
    const after = new Date(sandboxesOf(t)[0]!.keptUntil!).getTime();
    assert.ok(after > until || keepAlive === 'break-even', 'it counts from the last use');
    assert.ok(after > t.clock.wallTime() + MINUTE);
  });
}

test('break-even: a timer of half an hour finds a sandbox that was made for it', async () => {
  await using t = new TestFleet({
    keepAlive: 'break-even',
    sandboxKeepAliveMs: 2 * MINUTE,
    instanceKeepAliveMs: 60 * MINUTE,
  });
  const spec = t.spec();
  await t.invoke(spec);
  const paths = await callEvery(t, spec, 30 * MINUTE, 30);
  assert.ok(
    paths.slice(-10).every((path) => path === 'warm'),
    paths.join(' '),
  );
  assert.ok(t.fleet.stats().madeAhead >= 10);
  await pass(t, 20 * MINUTE);
  assert.equal(sandboxesOf(t).length, 0, 'it has none meanwhile');
  await pass(t, 10 * MINUTE - 5 * SECONDS);
  const [ahead] = sandboxesOf(t);
  assert.match(ahead!.keptWhy!, /^made ahead of a call: /);
  assert.equal(ahead!.lastUsed, null);
});

test('nothing is made for the calls of a function that is deleted, and it is forgotten', async () => {
  await using t = new TestFleet({
    keepAlive: 'break-even',
    sandboxKeepAliveMs: 2 * MINUTE,
    instanceKeepAliveMs: 60 * MINUTE,
  });
  const spec = t.spec();
  await t.invoke(spec);
  await callEvery(t, spec, 30 * MINUTE, 30);
  await pass(t, 20 * MINUTE);
  const made = t.fleet.stats().madeAhead;
  t.fleet.forget(spec);
  await pass(t, 60 * MINUTE);
  assert.equal(t.fleet.stats().madeAhead, made);
  await t.invoke(spec);
  await pass(t, SECONDS);
  assert.match(sandboxesOf(t)[0]!.keptWhy!, /little is known/);
});

test('what is known of a function outlives its sandboxes and its code', async () => {
  await using t = new TestFleet({
    keepAlive: 'break-even',
    sandboxKeepAliveMs: 2 * MINUTE,
    instanceKeepAliveMs: 60 * MINUTE,
  });
  const old = t.spec();
  await t.invoke(old);
  await callEvery(t, old, 30 * MINUTE, 30);
  t.fleet.retire(old);
  const next = { ...old, key: `${old.key}/next` };
  await pass(t, MINUTE);
  await t.invoke(next);
  await pass(t, SECONDS);
  assert.doesNotMatch(sandboxesOf(t)[0]!.keptWhy!, /little is known/);
});

test('when memory is needed the policy says which sandbox goes first (X11)', async () => {
  const held: (() => void)[] = [];
  const handler: FakeHandler = (event) => new Promise((resolve) => held.push(() => resolve(event)));
  const run = async (keepAlive: 'fixed' | 'greedy-dual'): Promise<string[]> => {
    await using t = new TestFleet({
      keepAlive,
      handlers: { 'slow.handler': handler },
      warmInstances: 1,
      instanceMemoryMb: 256,
      maxMemoryMb: 256,
    });
    const often = t.spec({ functionName: 'often', memoryMb: 128 });
    for (let call = 0; call < 10; call++) {
      await t.invoke(often);
      await pass(t, SECONDS);
    }
    const once = t.spec({ functionName: 'once', memoryMb: 128 });
    await t.invoke(once);
    await pass(t, SECONDS);
    // 10 MB each are in use.
    const running = t.invoke(t.spec({ functionName: 'big', memoryMb: 240, handler: 'slow.handler' }));
    await pass(t, SECONDS);
    const left = sandboxesOf(t).flatMap(({ state, function: name }) => (state === 'shutting-down' ? [] : [name]));
    held.splice(0).forEach((release) => release());
    await running;
    return left;
  };
  assert.deepEqual((await run('fixed')).toSorted(), ['big', 'once']);
  assert.deepEqual((await run('greedy-dual')).toSorted(), ['big', 'often']);
});
