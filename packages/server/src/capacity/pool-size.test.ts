import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PoolSize } from './pool-size.ts';

const SIZING = {
  least: 2,
  most: 8,
  refill: 1,
  busyRefill: 3,
  busyDrawsPerMinute: 6,
  busyRequestsPerSecond: 100,
};
const QUIET = { drawsPerMinute: 5, requestsPerSecond: 99 };

test('a draw adds n1 instances below the threshold rate (A1) and n2 above it, by draws or by requests (A3)', () => {
  const size = new PoolSize(SIZING);
  size.drawn(QUIET, 0);
  assert.equal(size.refill(QUIET), 1);
  assert.equal(size.level, 2);
  for (const busy of [
    { ...QUIET, drawsPerMinute: 6 },
    { ...QUIET, requestsPerSecond: 100 },
  ]) {
    const before: number = size.level;
    assert.equal(size.refill(busy), 3);
    size.drawn(busy, 0);
    // One in place of that which was taken, two more.
    assert.equal(size.level, before + 2);
  }
});

test('the number kept follows the trend up at once and down one a minute, never below the least (A9)', () => {
  const size = new PoolSize(SIZING);
  size.follow({ value: 5, kind: 'growth' }, QUIET, 0);
  assert.deepEqual([size.level, size.trend], [5, 'growth']);
  const levels = [];
  for (let minute = 0.5; minute <= 5; minute += 0.5) {
    size.follow({ value: 0, kind: 'steady' }, QUIET, minute * 60_000);
    levels.push(size.level);
  }
  assert.deepEqual(levels, [5, 4, 4, 3, 3, 2, 2, 2, 2, 2]);
});

test('while it is busy nothing is given up', () => {
  const size = new PoolSize(SIZING);
  const busy = { ...QUIET, drawsPerMinute: 6 };
  size.drawn(busy, 0);
  for (let minute = 1; minute < 5; minute++) size.follow({ value: 0, kind: 'steady' }, busy, minute * 60_000);
  assert.equal(size.level, 4);
});

test('whatever happens, the number kept stays between least and most', () => {
  const rate = fc.record({ drawsPerMinute: fc.nat(12), requestsPerSecond: fc.nat(200) });
  const step = fc.record({
    rate,
    passes: fc.nat(120_000),
    expected: fc.option(fc.double({ min: 0, max: 50, noNaN: true })),
  });
  const sizing = fc.record({ least: fc.nat(10), most: fc.nat(10), refill: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(sizing, fc.array(step), (some, steps) => {
      const size = new PoolSize({ ...SIZING, ...some });
      let now = 0;
      for (const { rate: rates, passes, expected } of steps) {
        now += passes;
        if (expected === null) size.drawn(rates, now);
        else size.follow({ value: expected, kind: 'steady' }, rates, now);
        assert.ok(size.level >= some.least && size.level <= Math.max(some.least, some.most));
      }
    }),
  );
});
