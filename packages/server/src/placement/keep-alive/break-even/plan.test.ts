import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BINS, binOf, EDGES, HORIZON_MS } from './idle-times.ts';
import { planFor, type Span, type Terms } from './plan.ts';
import { CLASSES, classOf, isRepresentative, REPRESENTATIVES, width } from './ranks.ts';

const MINUTE = 60_000;
const MAX = 57 * MINUTE;

function terms(idleTimes: readonly number[], overrides: Partial<Terms> = {}): Terms {
  const weights = new Float64Array(BINS + 1);
  for (const idle of idleTimes) weights[binOf(idle)]! += 1;
  return { weights, seen: idleTimes.length, memoryMb: 10, price: 200 * MINUTE, maxIdleMs: MAX, ...overrides };
}

const times = (minutes: number, count: number): number[] => Array.from({ length: count }, () => minutes * MINUTE);

test('bins: each idle time lies between the edges of its bin, up to the horizon', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: HORIZON_MS - 1 }), (idle) => {
      const bin = binOf(idle);
      assert.ok(EDGES[bin]! <= idle && idle < EDGES[bin + 1]!);
    }),
  );
  assert.equal(binOf(HORIZON_MS), BINS);
  assert.equal(EDGES[BINS], HORIZON_MS);
});

test('ranks: a class stands for all up to the next', () => {
  let total = 0;
  for (let index = 0; index < CLASSES; index++) total += width(index, 1024);
  assert.equal(total, 1024);
  assert.ok(REPRESENTATIVES.every((rank, index) => classOf(rank) === index && isRepresentative(rank)));
  assert.equal(classOf(5_000), CLASSES - 1);
  assert.equal(width(0, 1), 1);
});

test('what comes back soon is kept until then, for 20 min of memory are worth a cold start', () => {
  const { spans, chance } = planFor(terms(times(4, 40)));
  assert.equal(spans.length, 1);
  assert.ok(spans[0]!.toMs > 4 * MINUTE && spans[0]!.toMs <= 5 * MINUTE);
  assert.equal(chance, 1);
});

test('what comes back too late for its memory is given up, and made again just before', () => {
  const { spans } = planFor(terms(times(25, 40)));
  const [kept, again] = spans as [Span, Span];
  assert.ok(kept.toMs < MINUTE);
  assert.ok(again.fromMs > 20 * MINUTE && again.fromMs <= 25 * MINUTE && again.toMs > 25 * MINUTE);
});

test('what never comes back within the horizon is not made again', () => {
  assert.equal(planFor(terms(times(200, 40))).spans.length, 1);
});

test('of what nothing is known is kept until its memory has cost half a cold start', () => {
  assert.equal(planFor(terms(times(200, 1), { seen: 0 })).spans[0]!.toMs, 10 * MINUTE);
});

test('a plan that waits longer has a greater chance; one that pays more for a cold start keeps no shorter', () => {
  const minutes = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(minutes, fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 5_000 }), (each, low, more) => {
      const idleTimes = each.map((minute) => minute * MINUTE);
      const cheap = planFor(terms(idleTimes, { price: low * MINUTE }));
      const dear = planFor(terms(idleTimes, { price: (low + more) * MINUTE }));
      for (const { spans } of [cheap, dear]) {
        assert.equal(spans[0]!.fromMs, 0);
        for (const { fromMs, toMs } of spans) assert.ok(toMs > fromMs && toMs - fromMs <= MAX);
        for (let index = 1; index < spans.length; index++) assert.ok(spans[index]!.fromMs > spans[index - 1]!.toMs);
      }
      if (cheap.spans[0]!.toMs <= dear.spans[0]!.toMs) assert.ok(cheap.chance <= dear.chance + 1e-9);
    }),
  );
});
