/** P8: a sandbox is replaced before the credentials in its environment expire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { TestFleetOptions } from '../invoke/testing/test-fleet.ts';

const MINUTE = 60_000;
/** A sandbox that is idle is kept for longer than its credentials are. */
const OPTIONS: TestFleetOptions = {
  renewAfterMs: 30 * MINUTE,
  sandboxKeepAliveMs: 300 * MINUTE,
  instanceKeepAliveMs: 600 * MINUTE,
};

const sandboxesOf = (t: TestFleet) => t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes);

/** Counts how often credentials were given out. */
function counting(): { given: () => number; options: TestFleetOptions } {
  let count = 0;
  return {
    given: () => count,
    options: {
      ...OPTIONS,
      credentialsFor: () => ({ accessKeyId: `ASIA${++count}`, secretAccessKey: 's', sessionToken: 't' }),
    },
  };
}

test('an idle sandbox is gone when its credentials are past half of their life, and the next has new ones', async () => {
  const { given, options } = counting();
  await using t = new TestFleet(options);
  const spec = t.spec();
  await t.invoke(spec);
  t.clock.advance(30 * MINUTE - 1);
  assert.equal((await t.invoke(spec)).startPath, 'warm');
  t.clock.advance(1);
  await settled();
  assert.deepEqual(sandboxesOf(t), []);
  assert.notEqual((await t.invoke(spec)).startPath, 'warm');
  assert.equal(given(), 2);
});

test('one that executes ends its invocation first, and takes no other', async () => {
  const held: (() => void)[] = [];
  const handler: FakeHandler = (event) => new Promise((resolve) => held.push(() => resolve(event)));
  const { given, options } = counting();
  await using t = new TestFleet({ ...options, handlers: { 'index.handler': handler } });
  const spec = t.spec({ timeoutMs: 15 * MINUTE });
  const running = t.invoke(spec);
  await settled();
  held.shift()!();
  await running;
  t.clock.advance(29 * MINUTE);
  const long = t.invoke(spec);
  await settled();
  t.clock.advance(10 * MINUTE);
  assert.equal(sandboxesOf(t).length, 1);
  held.shift()!();
  assert.equal((await long).functionError, undefined);
  await settled();
  assert.deepEqual(sandboxesOf(t), []);
  assert.equal(given(), 1);
});

test('a machine that slept, or whose time was set, is noticed within a minute', async () => {
  await using t = new TestFleet(OPTIONS);
  await t.invoke(t.spec());
  t.clock.jumped = 8 * 60 * MINUTE;
  assert.equal(sandboxesOf(t).length, 1);
  t.clock.advance(MINUTE);
  await settled();
  assert.deepEqual(sandboxesOf(t), []);
});
