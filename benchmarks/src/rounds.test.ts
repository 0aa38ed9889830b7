import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rotated } from './rounds.ts';

test('every subject is first once in as many rounds as there are subjects', () => {
  for (const count of [1, 2, 3, 5]) {
    const items = Array.from({ length: count }, (_, index) => index);
    const rounds = Array.from({ length: 2 * count }, (_, round) => rotated(items, round));
    for (const order of rounds)
      assert.deepEqual(
        order.toSorted((a, b) => a - b),
        items,
      );
    assert.equal(new Set(rounds.map((order) => order[0])).size, count);
  }
});
