import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SpareTarget } from './spare-target.ts';

test('after a burst there are more, by as many as were missing, up to four times as many', () => {
  const target = new SpareTarget(8);
  for (let missed = 0; missed < 5; missed++) target.missed();
  assert.equal(target.count, 13);
  for (let missed = 0; missed < 100; missed++) target.missed();
  assert.equal(target.count, 32);
});

test('while some are taken the number sinks to the usual one, while none is to a quarter of it', () => {
  const target = new SpareTarget(8);
  for (let missed = 0; missed < 100; missed++) target.missed();
  const counts = [];
  for (let calm = 0; calm < 6; calm++) {
    target.calm();
    counts.push(target.count);
    target.took();
  }
  assert.deepEqual(counts, [32, 20, 14, 11, 9, 8]);
  const idle = [];
  for (let calm = 0; calm < 5; calm++) {
    target.calm();
    idle.push(target.count);
  }
  assert.deepEqual(idle, [8, 5, 3, 2, 2]);
  target.took();
  assert.equal(target.count, 8);
});

test('the number stays between a quarter and four times the usual one; none stays none', () => {
  const step = fc.constantFrom('took', 'missed', 'calm');
  fc.assert(
    fc.property(fc.nat(20), fc.array(step), (usual, steps) => {
      const target = new SpareTarget(usual);
      for (const what of steps) {
        target[what]();
        assert.ok(target.count >= Math.ceil(usual / 4) && target.count <= 4 * usual);
      }
    }),
  );
});
