import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distribution, median, percentile } from './statistics.ts';

test('a percentile is the nearest rank, never an invented value', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile(hundred, 1), 100);
  assert.equal(percentile([7], 0.999), 7);
  assert.throws(() => percentile([], 0.5), RangeError);
});

test('the median of an even number of rounds lies between the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), RangeError);
});

test('a distribution sorts by number, not by text', () => {
  assert.deepEqual(distribution([100, 9, 20]), { count: 3, p50: 20, p90: 100, p99: 100, max: 100 });
});
