import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DAYS, isOpen, knowsTimeZone, minutesOf } from './schedule.ts';
import type { Schedule } from './schedule.ts';

const MINUTE = 60_000;

function open(schedule: Schedule, iso: string): boolean {
  return isOpen(schedule, Date.parse(iso));
}

const BUSINESS: Schedule = {
  timeZone: 'Europe/Berlin',
  windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:30' }],
};

test('a window is open from its first minute to before its last, on its days, by the clocks of its zone (D19)', () => {
  // 2026-01-05 is a Monday; Berlin is an hour ahead of UTC in winter and two in summer.
  const cases: [string, boolean][] = [
    ['2026-01-05T06:59:59.999Z', false],
    ['2026-01-05T07:00:00Z', true],
    ['2026-01-05T17:29:59.999Z', true],
    ['2026-01-05T17:30:00Z', false],
    ['2026-07-06T06:00:00Z', true],
    ['2026-07-06T16:30:00Z', false],
    ['2026-01-10T10:00:00Z', false],
  ];
  for (const [at, expected] of cases) assert.equal(open(BUSINESS, at), expected, at);
});

test('a window may go past midnight, and belongs to the day on which it begins (D19)', () => {
  const night: Schedule = { timeZone: 'UTC', windows: [{ days: ['fri'], from: '22:00', to: '06:00' }] };
  const cases: [string, boolean][] = [
    ['2026-01-09T21:59:00Z', false],
    ['2026-01-09T22:00:00Z', true],
    ['2026-01-10T05:59:00Z', true],
    ['2026-01-10T06:00:00Z', false],
    ['2026-01-10T22:00:00Z', false],
    ['2026-01-09T05:00:00Z', false],
  ];
  for (const [at, expected] of cases) assert.equal(open(night, at), expected, at);
});

test('a window to 24:00 and the next from 00:00 leave no gap', () => {
  const all: Schedule = { timeZone: 'UTC', windows: [{ days: DAYS, from: '00:00', to: '24:00' }] };
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (at) => isOpen(all, at)));
});

test('in UTC a schedule agrees with arithmetic', () => {
  const time = fc.integer({ min: 0, max: 24 * 60 - 1 });
  const text = (minutes: number): string =>
    `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  fc.assert(
    fc.property(
      fc.subarray([...DAYS], { minLength: 1 }),
      time,
      time,
      fc.integer({ min: 0, max: 4e12 }),
      (days, begin, end, at) => {
        fc.pre(begin !== end);
        const schedule: Schedule = { timeZone: 'UTC', windows: [{ days, from: text(begin), to: text(end) }] };
        const length = (end - begin + 1440) % 1440;
        // Looks for a beginning that is not longer ago than the window lasts.
        const date = new Date(at);
        const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
        const expected = [0, 1].some((back) => {
          const start = midnight - back * 1440 * MINUTE + begin * MINUTE;
          return days.includes(DAYS[new Date(start).getUTCDay()]!) && at >= start && at < start + length * MINUTE;
        });
        assert.equal(isOpen(schedule, at), expected);
      },
    ),
  );
});

test('times of day and time zones are known from what is none', () => {
  assert.deepEqual(['00:00', '09:05', '23:59', '24:00'].map(minutesOf), [0, 545, 1439, 1440]);
  for (const wrong of ['24:01', '9:00', '12:60', '', 'noon']) assert.equal(minutesOf(wrong), undefined, wrong);
  assert.equal(knowsTimeZone('America/New_York'), true);
  assert.equal(knowsTimeZone('Middle/Earth'), false);
});
