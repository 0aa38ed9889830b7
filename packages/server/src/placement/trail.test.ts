import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { TestFleetOptions } from '../invoke/testing/test-fleet.ts';
import { Trail } from './trail.ts';

/** A fleet whose invocations end when a test says so, the oldest first. */
function heldFleet(options: TestFleetOptions = {}): { t: TestFleet; end: () => void } {
  const held: (() => void)[] = [];
  const handler = (event: Buffer) => new Promise<Buffer>((resolve) => held.push(() => resolve(event)));
  return { t: new TestFleet({ ...options, handlers: { 'index.handler': handler } }), end: () => held.shift()!() };
}

/** Sends one, and shows what is written down of it: read again when asked again. */
async function send(t: TestFleet, spec: FunctionSpec) {
  const invocation = t.invocation(spec);
  const outcome = t.fleet.invoke(invocation);
  outcome.catch(() => {});
  await settled();
  const record = t.records.records.get(invocation.requestId)!;
  const steps = () => record.cold?.ladder.map(({ step, taken }) => (taken ? `${step}!` : step)).join(' ');
  const whys = () => record.cold?.ladder.map(({ why }) => why) ?? [];
  return { record, outcome, steps, whys };
}

test('each step of the ladder that was tried is written down with its reason (L3, L4, L5, L7)', async () => {
  const { t, end } = heldFleet();
  await using _ = t;
  await settled();
  const first = await send(t, t.spec({ memoryMb: 512 }));
  assert.equal(first.steps(), 'idle code room warming!');
  assert.deepEqual(first.whys(), [
    'there is no sandbox of this version',
    'the account has no instance',
    'the account has no instance',
    'no instance of the account has room; one was warm, of nodejs26.x/1024',
  ]);
  const second = await send(t, t.spec({ memoryMb: 512 }));
  assert.equal(second.steps(), 'idle code!');
  assert.equal(second.whys()[0], 'the only sandbox of this version is busy');
  // The pool has its next one.
  t.clock.advance(100);
  await settled();
  const third = await send(t, t.spec({ memoryMb: 512 }));
  assert.equal(third.steps(), 'idle code room warming!');
  assert.equal(third.whys()[1], 'no room for 512 MB on those of the account that have the code');
  const other = await send(t, t.spec({ functionName: 'other' }));
  assert.equal(other.steps(), 'idle code room!');
  assert.equal(other.whys()[1], 'no instance of the account has the code');
  end();
  await first.outcome;
  const warm = await send(t, t.spec({ memoryMb: 512 }));
  assert.equal(warm.record.cold, undefined, 'nothing is made for a warm one');
  for (let left = 4; left > 0; left--) end();
});

test('an instance that is made while somebody waits is a boot, with what it cost (L8)', async () => {
  const { t, end } = heldFleet({ warmInstances: 0 });
  await using _ = t;
  const first = await send(t, t.spec());
  assert.equal(first.steps(), 'idle code room warming wait boot!');
  assert.equal(first.record.instanceStep, 'boot');
  assert.equal(first.record.cold!.costs.boot, 0, 'no time has passed');
  assert.match(
    first.record.reason,
    /^no instance of the account has room and none was warm; one of nodejs26\.x\/1024 was made; /,
  );
  const second = await send(t, t.spec());
  assert.deepEqual([second.steps(), second.record.instanceStep], ['idle code!', 'active']);
  assert.equal(second.record.cold!.costs.boot, undefined);
  // Larger than any of the pool's.
  const large = await send(t, t.spec({ functionName: 'large', memoryMb: 2048 }));
  assert.deepEqual([large.steps(), large.record.instanceStep], ['idle code room warming wait boot!', 'boot']);
  for (let left = 3; left > 0; left--) end();
});

test('one that waits for room says so while it waits, and then what it got (L8)', async () => {
  const { t, end } = heldFleet({ maxMemoryMb: 1024 });
  await using _ = t;
  const first = await send(t, t.spec({ memoryMb: 1024 }));
  const second = await send(t, t.spec({ memoryMb: 1024 }));
  assert.equal(second.steps(), 'idle code room warming wait');
  assert.equal(second.record.status, 'running');
  t.clock.advance(1_000);
  end();
  await first.outcome;
  await settled();
  assert.equal(second.steps(), 'idle code room warming wait idle!');
  assert.equal(second.record.cold!.ladder.at(-1)!.at, 1_000);
  assert.equal(second.record.reason, 'a busy one had done with another');
  end();
  await second.outcome;
});

test('one for which no room becomes free is throttled, with the reason (L8)', async () => {
  const { t, end } = heldFleet({ maxMemoryMb: 1024, waitMs: 2_000 });
  await using _ = t;
  const first = await send(t, t.spec({ memoryMb: 1024, timeoutMs: 60_000 }));
  const second = await send(t, t.spec({ memoryMb: 1024, timeoutMs: 60_000 }));
  t.clock.advance(2_000);
  await assert.rejects(second.outcome, { code: 'TooManyRequestsException' });
  assert.equal(second.record.status, 'throttled');
  assert.match(second.record.error, /No room for 1024 MB became free in 2 s/);
  end();
  await first.outcome;
});

test('a limit that is reached is named with its numbers (D15)', async () => {
  const { t, end } = heldFleet({ accountConcurrency: () => 2 });
  await using _ = t;
  const reserved = t.spec({ functionName: 'reserved', functionArn: 'arn:reserved' });
  t.fleet.reserve(reserved, 1);
  await send(t, reserved);
  const over = await send(t, reserved);
  assert.deepEqual(
    [over.record.status, over.record.error],
    ['throttled', "the function's reserved concurrency is 1, and 1 of its invocations are under way"],
  );
  await send(t, t.spec());
  const more = await send(t, t.spec());
  assert.equal(
    more.record.error,
    'the account has 2 invocations under way in this region; its limit is 2, of which 1 are reserved for other functions or provisioned',
  );
  await assert.rejects(more.outcome, { code: 'TooManyRequestsException' });
  end();
  end();
});

test('the story of one whose sandboxes die again and again stays short', () => {
  const trail = new Trail(0);
  for (let i = 0; i < 1_000; i++) trail.missed('again', `death ${i}`, i);
  assert.equal(trail.steps.length, 40);
  assert.equal(trail.last, 'death 999');
});
