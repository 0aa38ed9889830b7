import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import { LoadGuard } from './load-guard.ts';

test('who comes faster than the limit is refused once those who wait could not be served in time (A11)', () => {
  const guard = new LoadGuard(10, 30_000);
  for (let now = 0; now < 10_000; now += 50) guard.entered(now);
  // 20 a second come. None has been served: 10 a second would be 300 in the time.
  assert.equal(guard.refuses(299, 10_000), false);
  assert.equal(guard.refuses(300, 10_000), true);
  for (let served = 0; served < 40; served++) guard.served(9_500);
  assert.equal(guard.refuses(1_199, 10_000), false);
  assert.equal(guard.refuses(1_200, 10_000), true);
});

test('below the limit everybody may wait (A11)', () => {
  const guard = new LoadGuard(10, 30_000);
  for (let now = 0; now < 10_000; now += 100) guard.entered(now);
  assert.equal(guard.refuses(1_000_000, 9_950), false);
  for (let more = 0; more < 5; more++) guard.entered(9_950);
  assert.equal(guard.refuses(1_000_000, 9_950), true);
  assert.equal(guard.refuses(1_000_000, 21_000), false, 'it is over');
});

test('nobody is refused who could be served in time at the best rate there was (A11)', () => {
  const step = fc.record({ passes: fc.nat(2_000), enter: fc.nat(50), serve: fc.nat(50) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step), (limit, steps) => {
      const guard = new LoadGuard(limit, 30_000);
      let now = 0;
      let waiting = 0;
      const seconds = new Map<number, number>();
      for (const { passes, enter, serve } of steps) {
        now += passes;
        for (let one = 0; one < enter; one++) {
          const second = Math.floor(now / 1_000);
          const best = Math.max(0, ...[...seconds].filter(([at]) => at > second - 10).map(([, count]) => count));
          if (guard.refuses(waiting, now)) assert.ok(waiting >= (best || limit) * 30);
          else {
            guard.entered(now);
            waiting++;
          }
        }
        const served = Math.min(serve, waiting);
        for (let one = 0; one < served; one++) guard.served(now);
        waiting -= served;
        if (served > 0) seconds.set(Math.floor(now / 1_000), (seconds.get(Math.floor(now / 1_000)) ?? 0) + served);
      }
    }),
  );
});

test('a burst on a pool that is too small is answered, all of it (A11)', async () => {
  await using t = new TestFleet({ maxMemoryMb: 1024 });
  const functions = Array.from({ length: 300 }, (_, index) => t.spec({ functionName: `f${index}` }));
  const answers = Promise.all(functions.map((spec) => t.invoke(spec)));
  for (let turn = 0; turn < 100; turn++) {
    t.clock.advance(10);
    await settled();
  }
  assert.equal((await answers).length, 300);
  assert.equal(t.fleet.stats().throttled, 0);
});

test('an ever longer queue is cut: what cannot be served in time is told so at once (A11)', async () => {
  await using t = new TestFleet({
    maxMemoryMb: 1024,
    shedAbove: 1,
    waitMs: 20_000,
    handlers: { 'index.handler': () => new Promise(() => {}) },
  });
  const spec = t.spec({ memoryMb: 1024, timeoutMs: 900_000 });
  const outcomes: (string | undefined)[] = [];
  for (let sent = 0; sent < 60; sent++) {
    t.invoke(spec).then(
      () => outcomes.push(undefined),
      (error: { code: string; message: string }) => outcomes.push(`${error.code}: ${error.message}`),
    );
    t.clock.advance(100);
    await settled();
  }
  // One runs; 20 may wait at the limit's rate; the others are told at once.
  assert.equal(t.fleet.stats().waiting, 20);
  assert.equal(outcomes.length, 39);
  for (const outcome of outcomes) assert.match(outcome!, /^TooManyRequestsException: Rate Exceeded\. 20 requests wait/);
});
