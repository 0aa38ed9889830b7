import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { testSpec } from '../../instances/testing/spec.ts';
import type { Invocation } from '../invocation.ts';
import { MemoryRecords, settled } from '../testing/test-fleet.ts';
import { Deferrals } from './deferrals.ts';
import { PlannedDemand } from './testing/planned-demand.ts';

const SPEC = testSpec({ code: { sha256: '0'.repeat(64), size: 0 } });
const MARGIN_MS = 500;

const call = fc.record({
  afterMs: fc.integer({ min: 0, max: 30_000 }),
  windowMs: fc.integer({ min: -1_000, max: 120_000 }),
  whenDue: fc.constantFrom('run' as const, 'fail' as const),
  /** How long it runs, which need not be what is expected of it. */
  runsMs: fc.integer({ min: 0, max: 20_000 }),
  leavesAfterMs: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined }),
});
const demand = fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 12 });
/** A step function of time, each step 10 s long. */
const stepsOf = (levels: number[]) => (ms: number) => levels[Math.min(levels.length - 1, Math.floor(ms / 10_000))]!;

test('whatever is expected and whatever comes: each is answered once, begins in time, and waits only where that might save something', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 12 }),
      demand,
      demand,
      fc.integer({ min: 0, max: 20_000 }),
      async (calls, planned, actual, expectedMs) => {
        const clock = new ManualClock();
        const start = clock.now();
        const forecast = new PlannedDemand(clock, stepsOf(planned));
        forecast.actual = stepsOf(actual);
        const begun = new Map<string, number>();
        const answers = new Map<string, string>();
        const deferrals = new Deferrals({
          clock,
          forecast,
          records: new MemoryRecords(),
          run: async ({ requestId, payload }) => {
            assert.ok(!begun.has(requestId), 'it runs once');
            begun.set(requestId, clock.now());
            const { runsMs } = calls[Number(requestId)]!;
            await new Promise<void>((resolve) => clock.setTimer(runsMs, resolve));
            return { payload, startPath: 'warm' };
          },
          expectedMs: () => expectedMs,
          atOnce: 1,
        });
        const latest = new Map<string, number>();
        for (const [index, { afterMs, windowMs, whenDue, leavesAfterMs }] of calls.entries()) {
          const requestId = String(index);
          clock.setTimer(afterMs, () => {
            const invocation: Invocation = {
              requestId,
              spec: SPEC,
              reason: 'current',
              invokedArn: SPEC.functionArn,
              payload: Buffer.alloc(1),
              tail: false,
            };
            const gone = new AbortController();
            if (leavesAfterMs !== undefined) clock.setTimer(leavesAfterMs, () => gone.abort());
            const latestAt = clock.now() + windowMs - expectedMs - MARGIN_MS;
            latest.set(requestId, Math.max(clock.now(), latestAt));
            const now = forecast.now();
            const steps = Array.from({ length: 64 }, (_, look) => ((latestAt - clock.now()) * (look + 1)) / 64);
            const saves = steps.some((ms) => forecast.expected(clock.wallTime() + ms) <= now * 0.8) && now >= 1;
            deferrals
              .invoke({
                invocation,
                terms: { runBy: clock.wallTime() + windowMs, whenDue },
                resolveAgain: () => invocation,
                gone: gone.signal,
              })
              .then(
                () => answers.set(requestId, `${answers.get(requestId) ?? ''}ran`),
                () => answers.set(requestId, `${answers.get(requestId) ?? ''}refused`),
              );
            if (!saves || latestAt <= clock.now()) assert.equal(begun.get(requestId), clock.now(), 'nothing to save');
          });
        }
        for (let second = 0; second < 200; second++) {
          clock.advance(1_000);
          await settled();
        }
        for (const [index, { whenDue, leavesAfterMs, afterMs }] of calls.entries()) {
          const id = String(index);
          const at = begun.get(id);
          assert.ok(['ran', 'refused'].includes(answers.get(id)!), `${id} is answered once: ${answers.get(id)}`);
          assert.equal(answers.get(id) === 'ran', at !== undefined);
          if (at !== undefined) assert.ok(at <= latest.get(id)!, `${id} began ${at - latest.get(id)!} ms too late`);
          else if (whenDue === 'run') {
            const left = start + afterMs + leavesAfterMs!;
            assert.ok(left <= latest.get(id)!, `${id} was refused although its caller waited`);
          }
        }
        assert.equal(deferrals.waiting, 0);
        assert.equal(clock.pendingTimers, 0);
      },
    ),
    { numRuns: 60 },
  );
});
