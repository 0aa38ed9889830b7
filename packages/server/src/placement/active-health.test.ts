import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

const active = (t: TestFleet) => t.fleet.view().instances.filter(({ pool }) => pool === 'active');

async function pass(t: TestFleet, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 10) {
    t.clock.advance(10_000);
    await settled();
  }
}

/** A fleet with an instance on which `slow` executes, until the test lets it, and `quick` is idle. */
async function running(t: TestFleet, open: { now?: () => void }) {
  const slow: FakeHandler = (event) => new Promise((resolve) => (open.now = () => resolve(event)));
  t.handlers['slow.handler'] = slow;
  const specs = {
    slow: t.spec({ functionName: 'slow', handler: 'slow.handler', timeoutMs: 900_000 }),
    quick: t.spec({ functionName: 'quick' }),
  };
  const outcome = t.invoke(specs.slow);
  await settled();
  await t.invoke(specs.quick);
  const [instance] = active(t);
  return { ...specs, outcome, id: instance!.id };
}

for (const fault of ['ill', 'silent'] as const) {
  test(`an active instance that is ${fault} takes no more work, is replaced, and ends when its invocations have ended (X22, A8)`, async () => {
    const open: { now?: () => void } = {};
    await using t = new TestFleet({ healthCheckMs: 60_000, sandboxKeepAliveMs: 3_600_000 });
    const { slow, quick, outcome, id } = await running(t, open);
    const agent = t.provider.agents.get(id)!;
    if (fault === 'ill') agent.problems = ['the disk: ENOSPC'];
    else agent.stuck = true;
    await pass(t, 100);
    assert.equal(active(t).find((instance) => instance.id === id)?.state, 'draining');
    // What only it had loaded is loaded on another, before anyone asks.
    const others = active(t).filter((instance) => instance.id !== id);
    const loaded = others.flatMap(({ sandboxes }) => sandboxes.map(({ function: name }) => name));
    assert.deepEqual(
      loaded.toSorted((a, b) => a.localeCompare(b)),
      ['quick', 'slow'],
    );
    assert.equal((await t.invoke(quick)).startPath, 'warm');
    open.now!();
    assert.equal((await outcome).functionError, undefined, 'what ran there has its answer');
    await settled();
    assert.equal(
      active(t).some((instance) => instance.id === id),
      false,
    );
    assert.equal(t.fleet.isWarm(slow), true);
  });
}

test('healthy instances are left alone (X22)', async () => {
  const open: { now?: () => void } = {};
  await using t = new TestFleet({ healthCheckMs: 60_000, sandboxKeepAliveMs: 3_600_000 });
  const { outcome, id } = await running(t, open);
  await pass(t, 600);
  assert.deepEqual(
    active(t).map((instance) => [instance.id, instance.state]),
    [[id, 'active']],
  );
  const { received } = t.provider.agents.get(id)!;
  assert.ok(received.some(({ type }) => type === 'check'));
  open.now!();
  await outcome;
});
