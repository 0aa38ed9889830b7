import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleBudget } from './idle-budget.ts';

const MINUTE = 60_000;

/** A day on which idle sandboxes use as much as the price has bought, beside what is wanted; returns the last. */
function day(budget: IdleBudget, wanted: number, spendsAt: (price: number) => number): number {
  let spent = 0;
  for (let now = 0; now < 24 * 60 * MINUTE; now += MINUTE) {
    spent = spendsAt(budget.price);
    budget.wants(wanted);
    budget.spent(spent);
    budget.rested(10, now);
  }
  return spent;
}

test('a cold start is worth twice the memory of the fixed time, before anything is known', () => {
  const budget = new IdleBudget(10 * MINUTE);
  budget.rested(50, 0);
  assert.equal(budget.price, 2 * 10 * MINUTE * 50);
});

test('the price settles where as much is used as with the fixed time, from either side', () => {
  for (const scale of [0.3, 1, 4]) {
    const budget = new IdleBudget(10 * MINUTE);
    const spent = day(budget, 100, (price) => 100 * scale * Math.sqrt(price / (200 * MINUTE)));
    assert.ok(Math.abs(spent - 100) < 3, `${scale}: ${spent}`);
  }
});

test('the price stays within bounds where nothing helps', () => {
  const greedy = new IdleBudget(10 * MINUTE);
  day(greedy, 100, () => 1e6);
  assert.ok(greedy.price >= 0.1 * 10 * MINUTE * 10 - 1);
  const modest = new IdleBudget(10 * MINUTE);
  day(modest, 100, () => 1);
  assert.ok(modest.price <= 40 * 10 * MINUTE * 10 + 1);
});
