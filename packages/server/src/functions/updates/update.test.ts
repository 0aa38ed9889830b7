import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSpec } from '../../instances/testing/spec.ts';
import { EVENTUAL } from './policy.ts';
import { FailedUpdate, Update } from './update.ts';

const code = { sha256: '0'.repeat(64), size: 1 };
const [old, next] = [testSpec({ key: 'old', code }), testSpec({ key: 'next', code })];

/** What is chosen, as `key: reason`. */
const chosen = (update: Update | FailedUpdate, asked?: Parameters<Update['choose']>[0]): string => {
  const { spec, reason } = update.choose(asked);
  return `${spec.key}: ${reason}`;
};

test('V2, V5: while the new version is made ready the old one serves', () => {
  assert.equal(chosen(new Update(old, next, EVENTUAL, () => 0)), 'old: stale-while-downloading');
});

test('V12: who demands the newest gets it, by the function or by the request', () => {
  const immediate = { ...EVENTUAL, immediate: true };
  assert.equal(chosen(new Update(old, next, immediate, () => 0)), 'next: current');
  assert.equal(chosen(new Update(old, next, EVENTUAL, () => 0), immediate), 'next: current');
  assert.equal(chosen(new Update(old, next, immediate, () => 0), EVENTUAL), 'old: stale-while-downloading');
});

test('V13: past the bound in requests, invocations wait for the new version', () => {
  const update = new Update(old, next, { ...EVENTUAL, maxRequests: 2 }, () => 0);
  assert.deepEqual(
    Array.from({ length: 4 }, () => chosen(update)),
    ['old: stale-while-downloading', 'old: stale-while-downloading', 'next: current', 'next: current'],
  );
});

test('V13: past the bound in time they do so too', () => {
  let now = 50_000;
  const update = new Update(old, next, { ...EVENTUAL, maxMs: 5_000 }, () => now);
  now += 4_999;
  assert.equal(chosen(update), 'old: stale-while-downloading');
  now += 1;
  assert.equal(chosen(update), 'next: current');
  assert.equal(chosen(update, { ...EVENTUAL, maxMs: 6_000 }), 'old: stale-while-downloading');
});

test('V17: after an update that failed the old version serves all but those who insist on the newest', () => {
  const failed = new FailedUpdate(old, next, EVENTUAL);
  assert.equal(chosen(failed), 'old: stale-update-failed');
  assert.equal(chosen(failed, { ...EVENTUAL, immediate: true }), 'next: current');
});
