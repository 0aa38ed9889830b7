import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { settled, TestFleet } from '../testing/test-fleet.ts';
import { advise } from './sizing-advice.ts';
import { UsageWindow } from './usage-window.ts';
import type { SizedOutcome } from './usage-window.ts';

const QUIET = { executions: 400, timedOut: 0, outOfMemory: 0, peakMb: 100 };

test('N3: failures for want of memory, memory nearly full and time-outs ask for more', () => {
  assert.deepEqual(advise(256, { ...QUIET, outOfMemory: 8 }), {
    memoryMb: 512,
    why: '8 of the last 400 invocations ran out of memory',
  });
  assert.deepEqual(advise(256, { ...QUIET, peakMb: 240 }), { memoryMb: 384, why: 'it has used up to 240 of 256 MB' });
  const slow = advise(256, { ...QUIET, timedOut: 40 })!;
  assert.equal(slow.memoryMb, 512);
  assert.match(slow.why, /^40 of the last 400 invocations timed out, with 0\.14 of a processor; .*longer Timeout/);
  // With a whole processor, and the most there is, there is nothing to gain.
  assert.equal(advise(1_769, { ...QUIET, peakMb: 1_000, timedOut: 40 }), undefined);
  assert.equal(advise(10_240, { ...QUIET, peakMb: 10_240 }), undefined);
});

test('N3: memory that is never used asks for less, and says what that costs', () => {
  assert.deepEqual(advise(1_024, QUIET), {
    memoryMb: 192,
    why: 'it has used 100 of 1024 MB at most in 400 invocations; its CPU would be 0.19 of what it is',
  });
  assert.equal(advise(128, { ...QUIET, peakMb: 3 }), undefined, 'there is nothing smaller');
  assert.equal(advise(1_024, { ...QUIET, timedOut: 1 }), undefined, 'it may lack CPU');
  assert.equal(advise(1_024, { ...QUIET, peakMb: 0 }), undefined, 'nobody has measured');
});

test('N3: a few executions say nothing, and one failure is none', () => {
  assert.equal(advise(256, { ...QUIET, executions: 19, outOfMemory: 19 }), undefined);
  assert.notEqual(advise(256, { ...QUIET, executions: 20, outOfMemory: 20 }), undefined);
  assert.equal(advise(1_024, { ...QUIET, executions: 99 }), undefined);
  assert.equal(advise(256, { ...QUIET, executions: 20, outOfMemory: 1 }), undefined);
});

test('N3: any advice is a MemorySize that Lambda has, holds what was seen, and does not contradict itself when it is followed', () => {
  const usage = fc.record({
    executions: fc.integer({ min: 0, max: 400 }),
    timedOut: fc.integer({ min: 0, max: 400 }),
    outOfMemory: fc.integer({ min: 0, max: 400 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 128, max: 10_240 }), usage, (memoryMb, { share, ...counts }) => {
      const peakMb = Math.ceil(share * memoryMb);
      const advice = advise(memoryMb, { ...counts, peakMb });
      if (advice === undefined) return;
      assert.ok(advice.memoryMb >= 128 && advice.memoryMb <= 10_240 && Number.isInteger(advice.memoryMb));
      assert.ok(advice.memoryMb >= Math.min(10_240, peakMb));
      const after = advise(advice.memoryMb, { ...counts, timedOut: 0, outOfMemory: 0, peakMb });
      if (advice.memoryMb < memoryMb) assert.ok(after === undefined, 'what was made smaller need not become larger');
    }),
  );
});

test('of old invocations nothing is left', () => {
  const window = new UsageWindow();
  const add = (count: number, outcome: SizedOutcome, usedMb: number) => {
    for (let i = 0; i < count; i++) window.ended(outcome, usedMb);
  };
  add(200, 'out-of-memory', 128);
  add(200, 'ended', 20);
  assert.deepEqual(window.usage, { executions: 400, timedOut: 0, outOfMemory: 200, peakMb: 128 });
  add(1, 'timed-out', 21);
  assert.deepEqual(window.usage, { executions: 201, timedOut: 1, outOfMemory: 0, peakMb: 21 });
});

test('N3: what executions use, and how they fail, is watched where it is known already', async () => {
  await using t = new TestFleet({
    handlers: { 'index.handler': (event) => (event.toString() === '"hang"' ? new Promise<never>(() => {}) : event) },
  });
  await settled();
  const spec = t.spec({ memoryMb: 256 });
  await t.invoke(spec);
  // Its peak is a little more.
  for (const freezer of t.provider.freezers.values()) freezer.usedMb = 250;
  for (let i = 0; i < 30; i++) {
    t.clock.advance(200);
    await t.invoke(spec);
  }
  const [view] = t.fleet.advice().functions;
  assert.deepEqual([view!.functionName, view!.executions, view!.peakMb], [spec.functionName, 31, 252]);
  assert.deepEqual(view!.advice, { memoryMb: 384, why: 'it has used up to 252 of 256 MB' });
  const hanging = t.invoke(spec, '"hang"');
  await settled();
  t.clock.advance(3_000);
  await hanging;
  assert.equal(t.fleet.advice().functions[0]!.timedOut, 1);
  t.fleet.forget(spec);
  assert.deepEqual(t.fleet.advice().functions, []);
});
