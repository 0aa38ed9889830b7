import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { apportion } from './mix.ts';

const of = (...demands: number[]) => demands.map((demand) => ({ demand, most: Infinity }));

test('the mix follows the traffic: 80 % of it get most of the instances, and the others theirs (A10)', () => {
  assert.deepEqual(apportion(10, of(80, 20)), [8, 2]);
  assert.deepEqual(apportion(5, of(80, 20)), [4, 1]);
  assert.deepEqual(apportion(1, of(20, 80)), [0, 1]);
  assert.deepEqual(apportion(4, of(10, 0)), [3, 1]);
});

test('without traffic all have the same, the first before the others', () => {
  assert.deepEqual(apportion(5, of(0, 0, 0)), [2, 2, 1]);
  assert.deepEqual(apportion(0, of(1, 1)), [0, 0]);
});

test('any mix adds up, keeps to its limits, leaves nobody without while there are enough, and gives more where more is asked', () => {
  const share = fc.record({ demand: fc.nat(100), most: fc.oneof(fc.constant(Infinity), fc.nat(5)) });
  fc.assert(
    fc.property(fc.nat(40), fc.array(share, { minLength: 1, maxLength: 6 }), (total, shares) => {
      const counts = apportion(total, shares);
      const sum = counts.reduce((all, count) => all + count, 0);
      const room = shares.reduce((all, { most }) => all + most, 0);
      assert.equal(sum, Math.min(total, room));
      const open = shares.filter(({ most }) => most > 0).length;
      for (const [index, { demand, most }] of shares.entries()) {
        assert.ok(counts[index]! <= most);
        if (total >= open && most > 0) assert.ok(counts[index]! > 0);
        for (const [other, { demand: less }] of shares.entries()) {
          if (demand > less && counts[index]! < most) assert.ok(counts[index]! >= counts[other]!);
        }
      }
    }),
  );
});
