import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../instances/testing/manual-clock.ts';
import { BusyPoll } from './busy-poll.ts';

/** Whether something keeps the event loop from sleeping. */
const awake = (): boolean => process.getActiveResourcesInfo().includes('Immediate');

test('the event loop stays awake for as long as was said after the last event, and then sleeps', async () => {
  const clock = new ManualClock();
  const poll = new BusyPoll(clock, 1);
  poll.expect(clock.now());
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.ok(awake());
  clock.advance(0.9);
  poll.expect(clock.now());
  clock.advance(0.9);
  await nextTurn();
  assert.ok(awake());
  clock.advance(0.2);
  await nextTurn();
  assert.ok(!awake());
});

test('a poll of no length never keeps it awake', () => {
  const clock = new ManualClock();
  new BusyPoll(clock, 0).expect(clock.now());
  assert.ok(!awake());
});
