/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

const OWN = 'arn:aws:lambda:us-east-1:111111111111:capacity-provider:own';
const OTHER = 'arn:aws:lambda:us-east-1:111111111111:capacity-provider:other';

class Gate {
  readonly held: (() => void)[] = [];
  readonly handler: FakeHandler = (event) => new Promise((resolve) => this.held.push(() => resolve(event)));
}

const instancesOf = (t: TestFleet) =>
  t.fleet
    .view()
    .instances.filter(({ pool }) => pool === 'active')
    .map(({ sandboxes }) => new Set(sandboxes.map((one) => one.function)));

test('functions of a capacity provider share instances with each other and with no other function of their account (D3)', async () => {
  const gate = new Gate();
  await using t = new TestFleet({ handlers: { 'index.handler': gate.handler }, warmInstances: 3 });
  t.fleet.limitProvider(OWN, 4);
  t.fleet.limitProvider(OTHER, 4);
  const names = [
    ['common', undefined],
    ['mine', OWN],
    ['too', OWN],
    ['else', OTHER],
  ] as const;
  const specs = names.map(([functionName, capacityProvider]) =>
    t.spec({ functionName, key: functionName, ...(capacityProvider === undefined ? {} : { capacityProvider }) }),
  );
  const running = specs.flatMap((spec) => [t.invoke(spec), t.invoke(spec)]);
  for (let turn = 0; turn < 20 && gate.held.length < 8; turn++) {
    await settled();
    t.clock.advance(1);
  }
  assert.equal(gate.held.length, 8);
  const sets = instancesOf(t).map((set) => [...set].sort().join());
  assert.deepEqual(sets.sort(), ['common', 'else', 'mine,too']);
  for (const open of gate.held) open();
  await Promise.all(running);
});

test('its instances have no more processors together than it may have, and who finds none is told so', async () => {
  const gate = new Gate();
  // Instances of one processor and room for eight sandboxes.
  await using t = new TestFleet({
    handlers: { 'index.handler': gate.handler },
    warmInstances: 1,
    maxMemoryMb: 16_384,
    waitMs: 5_000,
  });
  t.fleet.limitProvider(OWN, 2);
  const spec = t.spec({ functionName: 'mine', key: 'mine', capacityProvider: OWN, timeoutMs: 60_000 });
  const all = Array.from({ length: 20 }, () => t.invoke(spec));
  const ended = Promise.allSettled(all);
  for (let turn = 0; turn < 50 && gate.held.length < 16; turn++) {
    await settled();
    t.clock.advance(10);
  }
  assert.equal(gate.held.length, 16);
  assert.equal(instancesOf(t).length, 2);
  // Nobody makes instances that it can't have.
  assert.ok(t.provider.made <= 3, String(t.provider.made));
  // The account's other functions are not concerned.
  const common = t.invoke(t.spec({ functionName: 'common', key: 'common' }));
  for (let turn = 0; turn < 20 && gate.held.length < 17; turn++) {
    await settled();
    t.clock.advance(10);
  }
  t.clock.advance(5_000);
  await settled();
  for (const open of gate.held) open();
  await common;
  const codes = (await ended).flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
  );
  assert.deepEqual(
    codes,
    Array.from({ length: 4 }, () => 'TooManyRequestsException'),
  );
  // More are had at once where more are allowed.
  t.fleet.limitProvider(OWN, 3);
  gate.held.length = 0;
  const again = Array.from({ length: 24 }, () => t.invoke(spec));
  for (let turn = 0; turn < 50 && gate.held.length < 24; turn++) {
    await settled();
    t.clock.advance(10);
  }
  assert.equal(instancesOf(t).filter((set) => set.has('mine')).length, 3);
  for (const open of gate.held) open();
  await Promise.all(again);
});
