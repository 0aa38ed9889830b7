import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../instances/testing/manual-clock.ts';
import { testSpec } from '../instances/testing/spec.ts';
import { FunctionPool } from './function-pool.ts';
import { Parallelism } from './parallelism.ts';
import { createPolicy } from './keep-alive/policies.ts';
import type { Sandbox } from './sandbox.ts';

/** 256 requests all the time, served by as many sandboxes as may be busy. */
function overloaded(
  parallelism: Parallelism,
  least: number,
  paceOf: (busy: number) => number,
  turns: number,
  computes = false,
): number {
  let most = 0;
  for (let turn = 0; turn < turns; turn++) {
    const busy = parallelism.current;
    const more = parallelism.turn({ ended: paceOf(busy), tooMany: 256 - busy, busy, coming: 0, computes, least });
    if (more > 0) parallelism.allow(busy + more);
    most = Math.max(most, parallelism.current);
  }
  return most;
}

test('where more busy sandboxes are no faster, a load that is too much finds no more of them for long', () => {
  const parallelism = new Parallelism(2);
  const most = overloaded(parallelism, 2, () => 100, 1_000);
  assert.ok(most <= 4, `${most} were busy`);
});

test('where they are faster, there are as many as it pays to have', () => {
  const parallelism = new Parallelism(2);
  overloaded(parallelism, 2, (busy) => 10 * Math.min(busy, 16), 2_000);
  assert.ok(parallelism.current >= 16 && parallelism.current <= 32, `${parallelism.current} are busy`);
});

test('far too many that make each other slower become fewer under the same load', () => {
  const parallelism = new Parallelism(2);
  // A line that stood still for a moment.
  overloaded(parallelism, 2, () => 0, 8);
  assert.ok(parallelism.current >= 32, `${parallelism.current} are busy`);
  overloaded(parallelism, 2, (busy) => 100 / (1 + busy / 50), 2_000);
  assert.ok(parallelism.current <= 4, `${parallelism.current} are busy`);
});

test('a line that stands still because the machine is busy otherwise is given more only after 60 ms, if its function only computes', () => {
  for (const [computes, turns] of [
    [false, 4],
    [true, 12],
  ] as const) {
    const parallelism = new Parallelism(2);
    assert.equal(
      overloaded(parallelism, 2, () => 0, turns - 1, computes),
      2,
    );
    assert.equal(
      overloaded(parallelism, 2, () => 0, 1, computes),
      4,
    );
  }
});

test('never fewer than the least, whatever happens', () => {
  const turn = fc.record({
    ended: fc.nat(200),
    tooMany: fc.integer({ min: -50, max: 500 }),
    busy: fc.nat(64),
    coming: fc.nat(3),
    computes: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.array(turn, { maxLength: 400 }), (least, turns) => {
      const parallelism = new Parallelism(least);
      for (const each of turns) {
        const more = parallelism.turn({ ...each, least });
        if (more > 0) parallelism.allow(each.busy + more);
        assert.ok(parallelism.current >= least);
        assert.ok(more >= 0 && more <= Math.max(0, each.tooMany));
      }
    }),
  );
});

function poolOf(busy: number): FunctionPool {
  const options = {
    clock: new ManualClock(),
    processors: 2,
    ahead: 0,
    hasRoom: () => true,
    isAwaited: () => false,
  };
  const keepAlive = createPolicy('fixed', { idleMs: 1, maxIdleMs: 1 }).of('echo:1');
  const pool = new FunctionPool(
    testSpec({ code: { sha256: 'a'.repeat(64), size: 1 } }),
    { leases: 0, pools: 1 },
    options,
    keepAlive,
  );
  for (let count = 0; count < busy; count++) pool.enterBusy({} as Sandbox);
  return pool;
}

test('a function stays quick while a busy machine keeps some of its invocations waiting, and is slow once all take long', () => {
  const pool = poolOf(1);
  let now = 0;
  for (let count = 0; count < 1_000; count++) pool.observe(0.2, (now += 0.1), false);
  for (let count = 0; count < 2_000; count++) pool.observe(10, (now += 0.01), false);
  assert.equal(pool.pace, 'quick');
  for (let count = 0; count < 200; count++) pool.observe(10, (now += 5), false);
  assert.equal(pool.pace, 'slow');
});

test('a function that only computes is as quick as its share of the processors says, however many compete for them', () => {
  for (const [computed, pace] of [
    [true, 'quick'],
    [false, 'slow'],
  ] as const) {
    const pool = poolOf(40);
    for (let count = 0, now = 0; count < 1_000; count++) pool.observe(10, (now += 5), computed);
    assert.equal(pool.pace, pace);
  }
});
