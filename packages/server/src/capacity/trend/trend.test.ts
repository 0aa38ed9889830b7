import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trend } from './trend.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONDAY = Date.UTC(2026, 10, 23);

/** Tells a trend of a measure, every ten seconds. */
function replay(trend: Trend, from: number, until: number, measure: (atMs: number) => number): void {
  for (let at = from; at <= until; at += 10 * SECOND) trend.observe(measure(at), at);
}

/** A peak from 9 to 10 o'clock, at night nothing. */
const daily = (at: number): number => (at % DAY >= 9 * HOUR && at % DAY < 10 * HOUR ? 6 : 0);

test('a daily cycle is known after one day: the peak is expected before it begins, and no later than it ends (A4)', () => {
  const trend = new Trend();
  replay(trend, MONDAY, MONDAY + DAY + 8.5 * HOUR, daily);
  assert.equal(Math.round(trend.most(10 * MINUTE).value), 0);
  replay(trend, MONDAY + DAY + 8.5 * HOUR, MONDAY + DAY + 8 * HOUR + 51 * MINUTE, daily);
  const before = trend.most(10 * MINUTE);
  assert.equal(before.kind, 'cyclic');
  assert.equal(Math.round(before.value), 6);
  replay(trend, MONDAY + DAY + 9 * HOUR, MONDAY + DAY + 10.5 * HOUR, daily);
  assert.equal(Math.round(trend.most(10 * MINUTE).value), 0);
});

test('a weekly cycle is known after two weeks, and then comes before the daily one (A4)', () => {
  const trend = new Trend();
  const mondays = (at: number): number => ((at - MONDAY) % (7 * DAY) < DAY ? daily(at) : 0);
  replay(trend, MONDAY, MONDAY + 14 * DAY + 8 * HOUR, mondays);
  const at = (day: number): number => Math.round(trend.expected(MONDAY + (14 + day) * DAY + 9.5 * HOUR));
  assert.deepEqual([at(0), at(1), at(2), at(7)], [6, 0, 0, 6]);
});

test('a day that is busier than others is expected to go on so', () => {
  const trend = new Trend();
  const flat = (at: number): number => (at < MONDAY + DAY ? 2 : 4);
  replay(trend, MONDAY, MONDAY + DAY + 6 * HOUR, flat);
  assert.ok(Math.abs(trend.expected(MONDAY + DAY + 12 * HOUR) - 4) < 0.5);
});

test('a spike is seen within a minute, and forgotten when it is over (A4)', () => {
  const trend = new Trend();
  replay(trend, MONDAY, MONDAY + HOUR, () => 1);
  replay(trend, MONDAY + HOUR, MONDAY + HOUR + MINUTE, () => 20);
  const { value, kind } = trend.most(MINUTE);
  assert.equal(kind, 'spike');
  assert.ok(value > 15, `${value}`);
  replay(trend, MONDAY + HOUR + MINUTE, MONDAY + HOUR + 20 * MINUTE, () => 1);
  assert.equal(Math.round(trend.most(MINUTE).value), 1);
});

test('a growth is expected to go on (A4)', () => {
  const trend = new Trend();
  const ramp = (at: number): number => (at - MONDAY) / (5 * MINUTE);
  replay(trend, MONDAY, MONDAY + 2 * HOUR, ramp);
  const { value, kind } = trend.most(10 * MINUTE);
  assert.equal(kind, 'growth');
  const then = ramp(MONDAY + 2 * HOUR + 10 * MINUTE);
  assert.ok(Math.abs(value - then) < 1, `${value} is not about ${then}`);
});

test('a single event is no trend', () => {
  const trend = new Trend();
  replay(trend, MONDAY, MONDAY + MINUTE, () => 1);
  assert.equal(Math.round(trend.most(10 * MINUTE).value), 1);
  replay(trend, MONDAY + MINUTE, MONDAY + 5 * MINUTE, () => 0);
  assert.equal(Math.round(trend.most(10 * MINUTE).value), 0);
});

test('what has been learnt outlives the server', () => {
  const trend = new Trend();
  replay(trend, MONDAY, MONDAY + 2 * DAY, daily);
  const next = new Trend();
  next.restore(JSON.parse(JSON.stringify(trend.save())));
  replay(next, MONDAY + 2 * DAY + 8 * HOUR, MONDAY + 2 * DAY + 8 * HOUR + 52 * MINUTE, daily);
  assert.equal(Math.round(next.most(10 * MINUTE).value), 6);
  assert.equal(Math.round(next.expected(MONDAY + 3 * DAY + 9.5 * HOUR)), 6);
});

test('a clock that jumps harms nothing', () => {
  const trend = new Trend();
  replay(trend, MONDAY, MONDAY + HOUR, () => 2);
  trend.observe(2, MONDAY - 5 * DAY);
  trend.observe(2, MONDAY + 300 * DAY);
  assert.ok(Math.abs(trend.now() - 2) < 0.1);
  assert.ok(Math.abs(trend.expected(MONDAY + 300 * DAY + HOUR) - 2) < 0.5);
});
