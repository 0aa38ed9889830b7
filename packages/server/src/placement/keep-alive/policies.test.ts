import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPolicy } from './policies.ts';
import { type KeepAliveOptions, POLICY_NAMES, type Resting, type VersionKeepAlive } from './policy.ts';

const MINUTE = 60_000;
const OPTIONS: KeepAliveOptions = { idleMs: 10 * MINUTE, maxIdleMs: 57 * MINUTE };

function resting(overrides: Partial<Resting> = {}): Resting {
  return { rank: 1, idleSince: 0, usedMb: 10, loadedInMs: 5, keepMs: -1, keepWhy: '', keepPriority: NaN, ...overrides };
}

/** Calls with these gaps between them, one at a time; returns the last rest and the time at which it began. */
function live(version: VersionKeepAlive, gaps: readonly number[], usedMb = 10): { sandbox: Resting; now: number } {
  let now = 1_000;
  const sandbox = resting({ usedMb });
  version.needed(1, now);
  for (const gap of [0, ...gaps]) {
    if (gap > 0) version.needed(1, (now += gap));
    sandbox.idleSince = now;
    version.rested(sandbox, now);
  }
  return { sandbox, now };
}

const repeated = (gap: number, count: number): number[] => Array.from({ length: count }, () => gap);

test('fixed keeps each for the same time, and what was used longest ago goes first (T14)', () => {
  const version = createPolicy('fixed', OPTIONS).of('f:1');
  const [first, second] = [resting(), resting({ usedMb: 1 })];
  version.rested(first, 1_000);
  version.rested(second, 2_000);
  assert.equal(first.keepMs, 10 * MINUTE);
  assert.equal(first.keepWhy, 'each is kept for 10 min after its last use');
  assert.ok(first.keepPriority < second.keepPriority);
  assert.equal(version.expired(first, 1_000 + first.keepMs), undefined);
});

test('hybrid-histogram keeps for its range what it knows little of, and what comes at any time', () => {
  const policy = createPolicy('hybrid-histogram', OPTIONS);
  assert.equal(live(policy.of('f:1'), []).sandbox.keepMs, OPTIONS.maxIdleMs);
  // One idle time in each bin: the counts do not vary at all.
  const anyTime = Array.from({ length: 57 }, (_, minute) => minute * MINUTE + 1_000);
  assert.match(live(policy.of('f:2'), anyTime).sandbox.keepWhy, /all kinds/);
});

test('hybrid-histogram gives up what is called every 20 minutes, and has it there from 18 minutes on', () => {
  const version = createPolicy('hybrid-histogram', OPTIONS).of('f:1');
  const { sandbox, now } = live(version, repeated(20.5 * MINUTE, 12));
  assert.equal(sandbox.keepMs, 0);
  const ahead = version.expired(sandbox, now)!;
  assert.equal(ahead.afterMs, 18 * MINUTE);
  // Until a tenth after the bin's end.
  assert.equal(ahead.afterMs + ahead.keepMs, Math.ceil(23.1 * MINUTE));
  assert.match(ahead.why, /between 20 and 21 min/);
});

test('hybrid-histogram forecasts idle times beyond its histogram', () => {
  const version = createPolicy('hybrid-histogram', OPTIONS).of('f:1');
  const { sandbox, now } = live(version, repeated(100 * MINUTE, 8));
  const ahead = version.expired(sandbox, now)!;
  assert.ok(Math.abs(ahead.afterMs - 85 * MINUTE) < 1, String(ahead.afterMs));
  assert.ok(Math.abs(ahead.keepMs - 30 * MINUTE) <= 1, String(ahead.keepMs));
});

test('greedy-dual: what is called often, takes long to make and is small stays; what is not used grows old', () => {
  const policy = createPolicy('greedy-dual', OPTIONS);
  const often = live(policy.of('often:1'), repeated(1_000, 9)).sandbox;
  const seldom = live(policy.of('seldom:1'), []).sandbox;
  const big = live(policy.of('big:1'), [], 100).sandbox;
  const slow = resting({ loadedInMs: 500 });
  policy.of('slow:1').rested(slow, 0);
  assert.equal(often.keepPriority, (10 * 5) / 10);
  assert.ok(big.keepPriority < seldom.keepPriority && seldom.keepPriority < often.keepPriority);
  assert.ok(slow.keepPriority > often.keepPriority);
  policy.of('often:1').evicted(often);
  // The clock has come so far: a newcomer is worth more than what went.
  assert.ok(live(policy.of('new:1'), []).sandbox.keepPriority > often.keepPriority);
  // And its count begins anew.
  assert.equal(live(policy.of('often:1'), []).sandbox.keepPriority, often.keepPriority + 5 / 10);
});

test('break-even keeps what is called often and drops sooner what is called seldom (L13)', () => {
  const policy = createPolicy('break-even', OPTIONS);
  const busy = live(policy.of('busy:1'), repeated(2 * MINUTE, 60)).sandbox;
  const rare = live(policy.of('rare:1'), repeated(110 * MINUTE, 20)).sandbox;
  assert.ok(busy.keepMs > 2 * MINUTE, `busy ${busy.keepMs}`);
  assert.ok(rare.keepMs < busy.keepMs, `rare ${rare.keepMs}, busy ${busy.keepMs}`);
  assert.ok(rare.keepPriority < busy.keepPriority, 'the rare one goes first');
  assert.match(busy.keepWhy, /% of its calls come within/);
});

test('break-even makes a sandbox again before the call of a timer', () => {
  const version = createPolicy('break-even', OPTIONS).of('timer:1');
  const { sandbox, now } = live(version, repeated(30 * MINUTE, 30));
  assert.ok(sandbox.keepMs < 5 * MINUTE, String(sandbox.keepMs));
  const ahead = version.expired(sandbox, now + sandbox.keepMs)!;
  const from = sandbox.keepMs + ahead.afterMs;
  assert.ok(from <= 30 * MINUTE && from >= 25 * MINUTE, `from ${from / MINUTE} min`);
  assert.ok(from + ahead.keepMs > 30 * MINUTE, `until ${(from + ahead.keepMs) / MINUTE} min`);
  assert.match(sandbox.keepWhy, /another is made/);
});

test('break-even makes none ahead of which nothing is known', () => {
  const version = createPolicy('break-even', OPTIONS).of('new:1');
  const { sandbox, now } = live(version, []);
  assert.equal(sandbox.keepMs, 10 * MINUTE);
  assert.equal(sandbox.keepWhy, 'little is known of its calls: kept for 10 min, which its memory is worth');
  assert.equal(version.expired(sandbox, now + sandbox.keepMs), undefined);
});

test('break-even learns each number of calls at once by itself', () => {
  const policy = createPolicy('break-even', OPTIONS);
  const version = policy.of('f:1');
  let now = 0;
  const [first, second] = [resting(), resting({ rank: 2 })];
  for (let round = 0; round < 60; round++) {
    // Every minute a call, every 50th minute two.
    version.needed(1, (now += MINUTE));
    if (round % 50 === 0) {
      version.needed(2, now);
      second.idleSince = now;
      version.rested(second, now);
    }
    first.idleSince = now;
    version.rested(first, now);
  }
  version.rested(second, now);
  assert.ok(first.keepPriority > second.keepPriority);
});

test('what is deleted is forgotten, and what stays is bounded', () => {
  for (const name of POLICY_NAMES) {
    const policy = createPolicy(name, OPTIONS);
    const before = policy.of('f:1');
    policy.forget('f:1');
    if (name === 'fixed') continue;
    assert.notEqual(policy.of('f:1'), before, name);
    assert.equal(policy.of('f:1'), policy.of('f:1'), name);
  }
});

const step = fc.record({
  version: fc.integer({ min: 0, max: 3 }),
  gapMs: fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 5 * 60 * MINUTE })),
  rank: fc.integer({ min: 1, max: 40 }),
  usedMb: fc.integer({ min: 0, max: 3_000 }),
  end: fc.constantFrom('needed', 'expired', 'evicted'),
});

test('whatever happens, none is kept longer than allowed, and each decision has a reason (Z3)', () => {
  fc.assert(
    fc.property(fc.constantFrom(...POLICY_NAMES), fc.array(step, { maxLength: 120 }), (name, steps) => {
      const policy = createPolicy(name, OPTIONS);
      let now = 0;
      for (const { version, gapMs, rank, usedMb, end } of steps) {
        const keepAlive = policy.of(`f:${version}`);
        const sandbox = resting({ rank, usedMb, idleSince: now });
        keepAlive.rested(sandbox, now);
        assert.ok(sandbox.keepMs >= 0 && sandbox.keepMs <= OPTIONS.maxIdleMs, `${name}: ${sandbox.keepMs}`);
        assert.ok(sandbox.keepWhy.length > 0 && !Number.isNaN(sandbox.keepPriority));
        now += end === 'expired' ? sandbox.keepMs : gapMs;
        policy.spent(sandbox, gapMs);
        if (end === 'needed') keepAlive.needed(rank, now);
        else if (end === 'evicted') keepAlive.evicted(sandbox);
        else {
          const ahead = keepAlive.expired(sandbox, now);
          if (ahead === undefined) continue;
          assert.ok(ahead.afterMs >= 0 && ahead.keepMs >= 0 && ahead.keepMs <= OPTIONS.maxIdleMs, name);
        }
      }
    }),
    { numRuns: 300 },
  );
});
