import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { testSpec } from '../../instances/testing/spec.ts';
import type { Invocation, InvocationOutcome } from '../invocation.ts';
import { MemoryRecords, settled } from '../testing/test-fleet.ts';
import { Deferrals } from './deferrals.ts';
import type { DeferralTerms } from './terms.ts';
import { PlannedDemand } from './testing/planned-demand.ts';

const SPEC = testSpec({ code: { sha256: '0'.repeat(64), size: 0 }, timeoutMs: 3_000 });
/** What comes on top of what the function is expected to take. */
const MARGIN_MS = 500;

interface SubjectOptions {
  plan?: (ms: number) => number;
  /** Null where nothing is known. */
  expectedMs?: number | null;
  atOnce?: number;
}

class Subject implements Disposable {
  readonly clock = new ManualClock();
  readonly records = new MemoryRecords();
  readonly demand: PlannedDemand;
  readonly deferrals: Deferrals;
  /** What began, and when: ms after the start. */
  readonly begun: { id: string; at: number; version: string }[] = [];
  run: (invocation: Invocation) => Promise<InvocationOutcome> = async ({ payload }) => ({ payload, startPath: 'warm' });
  /** What the requests name at present. */
  spec = SPEC;
  readonly #start = this.clock.now();

  constructor({ plan = () => 0, expectedMs = 1_000, atOnce = 4 }: SubjectOptions = {}) {
    this.demand = new PlannedDemand(this.clock, plan);
    this.deferrals = new Deferrals({
      clock: this.clock,
      forecast: this.demand,
      records: this.records,
      run: (invocation) => {
        this.begun.push({ id: invocation.requestId, at: this.now, version: invocation.spec.version });
        return this.run(invocation);
      },
      expectedMs: () => expectedMs ?? undefined,
      atOnce,
    });
  }

  get now(): number {
    return this.clock.now() - this.#start;
  }

  get times(): number[] {
    return this.begun.map(({ at }) => at);
  }

  send(id: string, windowMs: number, whenDue: DeferralTerms['whenDue'] = 'run', gone = new AbortController().signal) {
    const describe = (): Invocation => ({
      requestId: id,
      spec: this.spec,
      reason: 'current',
      invokedArn: this.spec.functionArn,
      payload: Buffer.from('{}'),
      tail: false,
    });
    const terms = { runBy: this.clock.wallTime() + windowMs, whenDue };
    const ran = this.deferrals.invoke({ invocation: describe(), terms, resolveAgain: describe, gone });
    ran.catch(() => {});
    return ran;
  }

  async advance(ms: number): Promise<void> {
    // What ends in between makes room for the next.
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left));
      await settled();
    }
  }

  [Symbol.dispose](): void {
    this.deferrals[Symbol.dispose]();
    assert.equal(this.clock.pendingTimers, 0);
  }
}

test('D9: where a later time has less demand it begins then, with the reason in its record', async () => {
  using s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 2) });
  const ran = s.send('a', 300_000);
  const record = s.records.records.get('a')!;
  assert.equal(record.status, 'deferred');
  assert.match(record.reason, /^demand is 12\.0 executions at once; 2\.0 executions at once are expected at 2026-/);
  await s.advance(59_000);
  assert.deepEqual(s.times, []);
  await s.advance(20_000);
  const { deferral } = (await ran).invocation;
  assert.ok(s.times[0]! >= 60_000 && s.times[0]! <= 79_000);
  assert.equal(deferral!.waited, s.times[0]);
  assert.match(deferral!.delayedBecause!, /^demand is 12\.0/);
  assert.match(deferral!.begunBecause!, /^to wait would save nothing: demand is 2\.0/);
  assert.equal(s.deferrals.waiting, 0);
});

test('D9: where to wait saves nothing it runs at once, and no record says that it waited', async () => {
  const plans: ((ms: number) => number)[] = [() => 0, () => 12, (ms) => 3 + ms / 1000, () => 0.9];
  // 10 % less is within what a forecast errs.
  plans.push((ms) => (ms < 1_000 ? 10 : 9));
  for (const plan of plans) {
    using s = new Subject({ plan });
    const { invocation } = await s.send('a', 300_000);
    assert.deepEqual([s.times, invocation.deferral!.delayedBecause, s.records.records.size], [[0], null, 0]);
  }
});

test('D10: if it never gets cheap it begins by its deadline less what it takes', async () => {
  using s = new Subject({ plan: (ms) => (ms < 1e9 ? 12 : 0), expectedMs: 20_000 });
  // The forecast promises, again and again, what does not come.
  s.demand.plan = () => 1;
  s.demand.actual = () => 12;
  const ran = s.send('a', 100_000);
  await s.advance(100_000);
  assert.deepEqual(s.times, [100_000 - 20_000 - MARGIN_MS]);
  assert.match((await ran).invocation.deferral!.begunBecause!, /no cheaper time came/);
});

test('D10: or it fails, where its caller wants it so', async () => {
  using s = new Subject();
  s.demand.plan = () => 1;
  s.demand.actual = () => 12;
  const ran = s.send('a', 100_000, 'fail');
  await s.advance(100_000);
  await assert.rejects(ran, { code: 'TooManyRequestsException', message: /No cheaper time came/ });
  assert.deepEqual(s.times, []);
  assert.equal(s.records.records.get('a')!.status, 'throttled');
});

test('D10: a function of which nothing is known is taken to need all the time that it may', async () => {
  using s = new Subject({ expectedMs: null });
  s.demand.plan = () => 1;
  s.demand.actual = () => 12;
  void s.send('a', 10_000);
  await s.advance(10_000);
  assert.deepEqual(s.times, [10_000 - SPEC.timeoutMs - MARGIN_MS]);
  // Less time than that: there is none to wait.
  void s.send('b', 3_000);
  assert.equal(s.begun[1]!.at, s.now);
});

test('one whose caller goes away before it has begun never begins', async () => {
  using s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 0) });
  const gone = new AbortController();
  const ran = s.send('a', 300_000, 'run', gone.signal);
  await s.advance(1_000);
  gone.abort();
  await assert.rejects(ran);
  assert.equal(s.deferrals.waiting, 0);
  await s.advance(300_000);
  assert.deepEqual(s.times, []);
  assert.equal(s.records.records.get('a')!.status, 'cancelled');
  assert.equal(s.records.ended, 1);
  const before = new AbortController();
  before.abort();
  s.demand.actual = () => 12;
  s.demand.plan = () => 0;
  await assert.rejects(s.send('b', 300_000, 'run', before.signal));
});

test('it runs what its function is when it begins, and is told where that is gone', async () => {
  using s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 0) });
  const ran = s.send('a', 300_000);
  s.spec = { ...SPEC, version: '2' };
  await s.advance(100_000);
  assert.equal((await ran).invocation.spec.version, '2');
  assert.equal(s.begun[0]!.version, '2');
  s.demand.plan = (ms) => (ms < 200_000 ? 12 : 0);
  const other = s.send('b', 300_000);
  Object.defineProperty(s, 'spec', {
    get: () => {
      throw new ApiError('ResourceNotFoundException', 'Function not found');
    },
  });
  await s.advance(300_000);
  await assert.rejects(other, { code: 'ResourceNotFoundException' });
  assert.equal(s.records.records.get('b')!.status, 'failed');
});

test('many do not begin all at once: they would be the demand that they avoid', async () => {
  using s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 0), atOnce: 2 });
  let running = 0;
  let most = 0;
  s.run = async ({ payload }) => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => s.clock.setTimer(2_000, resolve));
    running--;
    return { payload, startPath: 'warm' };
  };
  const all = Array.from({ length: 10 }, (_, index) => s.send(`r-${index}`, 600_000));
  await s.advance(110_000);
  await Promise.all(all);
  assert.equal(most, 2);
  assert.equal(s.begun.length, 10);
});

test('one that is throttled tries again while there is time, and is told at last', async () => {
  using s = new Subject({ plan: () => 0 });
  let room = false;
  const throttled = new ApiError('TooManyRequestsException', 'Rate Exceeded.');
  s.run = async ({ payload }) => {
    if (!room) throw throttled;
    return { payload, startPath: 'warm' };
  };
  const ran = s.send('a', 60_000);
  await s.advance(10_000);
  assert.equal(s.records.records.get('a')!.reason, 'it was throttled: Rate Exceeded.');
  room = true;
  await s.advance(2_000);
  await ran;
  room = false;
  const never = s.send('b', 60_000);
  await s.advance(60_000);
  await assert.rejects(never, throttled);
});

test('when the server stops, those that wait are told', async () => {
  const s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 0) });
  const ran = s.send('a', 300_000);
  s[Symbol.dispose]();
  await assert.rejects(ran, { code: 'ServiceUnavailableException' });
  await assert.rejects(s.send('b', 300_000), { code: 'ServiceUnavailableException' });
});

test('more than fit into memory are not kept waiting', async () => {
  using s = new Subject({ plan: (ms) => (ms < 60_000 ? 12 : 0) });
  for (let i = 0; i < 10_000; i++) void s.send(`r-${i}`, 300_000);
  assert.equal(s.deferrals.waiting, 10_000);
  const { invocation } = await s.send('one more', 300_000);
  assert.equal(invocation.deferral!.begunBecause, 'too many wait already');
});
