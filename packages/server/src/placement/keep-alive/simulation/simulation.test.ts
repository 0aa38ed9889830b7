import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPolicy } from '../policies.ts';
import type { KeepAlivePolicy, VersionKeepAlive } from '../policy.ts';
import { compare, findTrace } from './compare.ts';
import { Heap } from './heap.ts';
import { oracle } from './oracle.ts';
import { simulate } from './simulator.ts';
import { invocationsOf, readTrace, type Workload } from './trace.ts';

const S = 1_000;

type Call = [seconds: number, runSeconds: number, which?: number];

function workload(calls: readonly Call[], memoryMb: readonly number[] = [100], durationMs = 1_000 * S): Workload {
  const sorted = calls.toSorted((a, b) => a[0] - b[0]);
  return {
    functions: memoryMb.map((mb, index) => ({ name: `f${index}`, memoryMb: mb })),
    durationMs,
    functionOf: Uint32Array.from(sorted, ([, , which = 0]) => which),
    arrival: Float64Array.from(sorted, ([at]) => at * S),
    run: Float64Array.from(sorted, ([, run]) => run * S),
  };
}

const fixed = (seconds: number): KeepAlivePolicy => createPolicy('fixed', { idleMs: seconds * S, maxIdleMs: 1e9 });

test('one function, by hand: what comes back in time is warm, and idle memory is paid until then', () => {
  // Ends at 1, idle 9 s, warm; ends at 11, idle 19 s of 10 kept: cold at 30; ends at 31, kept until 41.
  const work = workload([
    [0, 1],
    [10, 1],
    [30, 1],
  ]);
  const { invocations, cold, idle } = simulate({ workload: work, policy: fixed(10), fromMs: 0 });
  assert.deepEqual([invocations, cold, idle], [3, 2, 100 * (9 + 10 + 10) * S]);
});

test('several at once, by hand: the stack lets the surplus grow old', () => {
  // Two at once at 0; then one at a time every 4 s. The second sandbox is idle from 2 on and goes at 12.
  const work = workload([
    [0, 1],
    [0.5, 1.5],
    [4, 1],
    [8, 1],
    [12, 1],
    [16, 1],
    [16.5, 1],
  ]);
  const { cold, idle } = simulate({ workload: work, policy: fixed(10), fromMs: 0 });
  // The one that ended last is used again: it was idle for 2 s at first, the other from 1 until 11.
  assert.equal(cold, 3);
  assert.equal(idle, 100 * S * (10 + (2 + 3 + 3 + 3) + 10 + 10));
});

test('what comes before the count begins teaches, but is not counted', () => {
  const work = workload(
    [
      [0, 1],
      [10, 1],
      [30, 1],
    ],
    [100],
    35 * S,
  );
  const { invocations, cold, idle } = simulate({ workload: work, policy: fixed(10), fromMs: 15 * S });
  // 15 to 21 of the second rest, 31 to 35 of the third.
  assert.deepEqual([invocations, cold, idle], [1, 1, 100 * (6 + 4) * S]);
});

test('a limit of idle memory has the least wanted go', () => {
  const work = workload(
    [
      [0, 1, 0],
      [2, 1, 1],
      [4, 1, 0],
      [6, 1, 1],
    ],
    [100, 100],
  );
  const both = simulate({ workload: work, policy: fixed(100), fromMs: 0, idleLimitMb: 200 });
  assert.equal(both.cold, 2);
  const one = simulate({ workload: work, policy: fixed(100), fromMs: 0, idleLimitMb: 100 });
  assert.equal(one.cold, 4);
});

/** Gives up at once, and has each sandbox made again after 5 s, for 2 s. */
class EveryFiveSeconds implements KeepAlivePolicy {
  readonly name = 'fixed';
  forget(): void {}
  spent(): void {}
  of(): VersionKeepAlive {
    return {
      needed() {},
      rested(sandbox) {
        Object.assign(sandbox, { keepMs: 0, keepPriority: 0 });
      },
      expired: ({ idleSince }, now) => (now === idleSince ? { afterMs: 5 * S, keepMs: 2 * S, why: '' } : undefined),
      evicted() {},
    };
  }
}

test('sandboxes made ahead, by hand: each number of calls at once has its own', () => {
  // Two at once; both are there again between 6 and 8 after the ends at 1. One at 20 comes too late for its.
  const work = workload([
    [0, 1],
    [0, 1],
    [7, 1],
    [7, 1],
    [20, 1],
  ]);
  const { cold, ahead, idle } = simulate({ workload: work, policy: new EveryFiveSeconds(), fromMs: 0 });
  assert.equal(cold, 3);
  assert.equal(ahead, 2 + 2 + 1);
  assert.equal(idle, 100 * S * (2 * 1 + 2 * 2 + 2));
});

test('the oracle, by hand: the cheapest gaps first', () => {
  // Gaps of 9 s and 19 s of the first, 4 s of the second, 10 times as large.
  const work = workload(
    [
      [0, 1, 0],
      [10, 1, 0],
      [30, 1, 0],
      [0, 1, 1],
      [5, 1, 1],
    ],
    [100, 1000],
  );
  const { coldAt } = oracle(work, 0);
  assert.equal(coldAt(0), 5);
  assert.equal(coldAt(899 * S), 5);
  assert.equal(coldAt(900 * S), 4);
  assert.equal(coldAt((900 + 1900) * S), 3);
  assert.equal(coldAt((900 + 1900 + 4000) * S), 2);
});

const call = fc.tuple(
  fc.integer({ min: 0, max: 3_000_000 }).map((each) => each / 1000),
  fc.integer({ min: 1, max: 200_000 }).map((each) => each / 1000),
  fc.integer({ min: 0, max: 2 }),
);

test('no policy that makes nothing ahead has fewer cold starts than the oracle with the same idle memory', () => {
  fc.assert(
    fc.property(
      fc.array(call, { minLength: 1, maxLength: 80 }),
      fc.constantFrom('fixed', 'greedy-dual'),
      fc.integer({ min: 1, max: 1_000 }),
      fc.option(fc.integer({ min: 50, max: 2_000 }), { nil: undefined }),
      (calls, name, idleS, idleLimitMb) => {
        const work = workload(calls, [100, 50, 400], 4_000 * S);
        const policy = createPolicy(name, { idleMs: idleS * S, maxIdleMs: 2_000 * S });
        const fromMs = 1_000 * S;
        const options = { workload: work, policy, fromMs, ...(idleLimitMb === undefined ? {} : { idleLimitMb }) };
        const { cold, idle, coldOf, idleOf } = simulate(options);
        assert.ok(cold >= oracle(work, fromMs).coldAt(idle + 1e-3), `${cold} at ${idle}`);
        assert.equal(
          coldOf.reduce((sum, each) => sum + each, 0),
          cold,
        );
        assert.ok(Math.abs(idleOf.reduce((sum, each) => sum + each, 0) - idle) <= 1e-6 * (1 + idle));
      },
    ),
  );
});

test('the same seed makes the same invocations: as many in each minute as the trace says, run times within its percentiles', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-trace-'));
  try {
    const prefix = join(directory, 'small');
    writeFileSync(
      `${prefix}_inv.csv`,
      'HashFunction,HashApp,HashOwner,minute_1,minute_2,minute_3\na,x,o,2,0,3\nb,y,o,0,1,0\n',
    );
    writeFileSync(
      `${prefix}_run.csv`,
      `HashFunction,HashApp,HashOwner,${[0, 1, 25, 50, 75, 99, 100].map((each) => `percentile_Average_${each}`).join(',')}\na,x,o,10,20,30,40,50,60,70\n`,
    );
    writeFileSync(`${prefix}_mem.csv`, 'HashApp,HashOwner,AverageAllocatedMb\nx,o,256\n');
    const trace = readTrace(prefix);
    assert.deepEqual(
      trace.map(({ memoryMb }) => memoryMb),
      [256, 170],
    );
    const work = invocationsOf(trace, 7);
    assert.equal(work.durationMs, 180 * S);
    const minutes = [...work.arrival].map((at, index) => `${work.functionOf[index]}/${Math.floor(at / 60_000)}`);
    assert.deepEqual(minutes.toSorted(), ['0/0', '0/0', '0/2', '0/2', '0/2', '1/1']);
    assert.ok(work.arrival.every((at, index) => index === 0 || at >= work.arrival[index - 1]!));
    work.run.forEach((run, index) =>
      assert.ok(work.functionOf[index] === 1 ? run === 1000 : run >= 10 && run <= 70, String(run)),
    );
    assert.deepEqual(invocationsOf(trace, 7), work);
    assert.notDeepEqual(invocationsOf(trace, 8).arrival, work.arrival);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A day of 100 functions of Azure Functions, which is not part of the project. */
const sample = process.env['HEARTH_TRACE'] ?? join(import.meta.dirname, '../../../../../../../shared/traces');
const lacking = existsSync(sample) ? false : `no trace at ${sample}; HEARTH_TRACE says where one is`;

test(
  'over a day of real calls break-even has at most 0.6 x the cold starts of a fixed 20 minutes, with no more idle memory',
  { skip: lacking },
  () => {
    const { fixed: times, equal } = compare(readTrace(findTrace(sample)), true);
    const reference = times.find(({ setting }) => setting === '20 min')!;
    const chosen = equal.find(({ policy }) => policy === 'break-even')!;
    assert.ok(
      chosen.idle <= reference.idle && chosen.cold <= 0.6 * reference.cold,
      JSON.stringify([reference, chosen]),
    );
    assert.ok(
      equal.every(({ cold }) => cold >= chosen.cold),
      'the default is the best',
    );
  },
);

test('the heap gives what it was given, least first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (keys) => {
      const heap = new Heap();
      keys.forEach((key, index) => heap.push(key, index));
      const out = keys.map(() => [heap.first, keys[heap.pop()]]);
      assert.deepEqual(
        out.map(([key]) => key),
        keys.toSorted((a, b) => a - b),
      );
      assert.ok(out.every(([key, value]) => key === value));
      assert.equal(heap.first, Infinity);
    }),
  );
});
