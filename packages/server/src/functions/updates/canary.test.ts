import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Canary } from './canary.ts';
import type { CanaryPolicy } from './policy.ts';

/** A canary whose time is over when the test says so. */
function start(policy: Partial<CanaryPolicy>): { canary: Canary; over: () => void; state: () => Promise<string> } {
  let over = (): void => assert.fail('no time was set');
  const canary = new Canary({ share: 0.1, errors: 0, ms: Infinity, requests: Infinity, ...policy }, (_ms, callback) => {
    over = callback;
    return { [Symbol.dispose]: () => undefined };
  });
  let state = 'trying';
  canary.passed.then(
    () => (state = 'passed'),
    (error: Error) => (state = error.message),
  );
  return { canary, over: () => over(), state: () => setImmediate().then(() => state) };
}

test('V20: of any number of invocations the share is exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 0, max: 2_000 }), (percent, count) => {
      const { canary } = start({ share: percent / 100, requests: 10_000 });
      const taken = Array.from({ length: count }, () => canary.take()).filter(Boolean).length;
      assert.ok(Math.abs(taken - (count * percent) / 100) < 1 + 1e-6);
    }),
  );
});

test('it passes after its number of invocations, or when its time is over', async () => {
  const counted = start({ requests: 3 });
  for (const expected of ['trying', 'trying', 'passed']) {
    counted.canary.report(false);
    assert.equal(await counted.state(), expected);
  }
  const timed = start({ ms: 1_000 });
  timed.canary.report(false);
  assert.equal(await timed.state(), 'trying');
  timed.over();
  assert.equal(await timed.state(), 'passed');
});

test('it fails with the first error where none is allowed', async () => {
  const { canary, state } = start({ ms: 1_000 });
  canary.report(false);
  canary.report(true);
  assert.equal(
    await state(),
    'The canary was rolled back: 1 of 2 invocations of the new version failed, more than 0 %.',
  );
});

test('where errors are allowed, it fails as soon as there are more of all that are to come, and not before', async () => {
  const { canary, state } = start({ requests: 40, errors: 0.05 });
  canary.report(true);
  canary.report(true);
  assert.equal(await state(), 'trying');
  canary.report(true);
  assert.match(await state(), /3 of 3 .* failed, more than 5 %/);
});

test('when its time is over, those count that there were', async () => {
  const { canary, over, state } = start({ ms: 1_000, errors: 0.1 });
  for (const failed of [true, true, false, false]) canary.report(failed);
  assert.equal(await state(), 'trying');
  over();
  assert.match(await state(), /2 of 4/);
});
