import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '../cli-error.ts';
import { formatSchedule, termsOf } from './capacity-terms.ts';
import type { TermOptions } from './capacity-terms.ts';

const NOW = Date.parse('2026-01-05T12:00:00Z');

test('what a person writes becomes what the server takes', () => {
  assert.deepEqual(
    termsOf(
      {
        amount: 2,
        memory: 1024,
        runtime: ['nodejs24.x'],
        function: ['hello', 'hello:live=3', 'arn:aws:lambda:us-east-1:111111111111:function:f=1'],
        until: '30d',
        window: ['mon-fri 08:00-18:00', 'sat,sun 22:00-06:00', 'fri-mon 00:00-24:00'],
        zone: 'Europe/Berlin',
        minFree: '50%',
        maxPrice: '0.4',
        lend: '5s',
      },
      NOW,
    ),
    {
      amount: 2,
      memoryMb: 1024,
      runtimes: ['nodejs24.x'],
      functions: [
        { name: 'hello', sandboxes: 0 },
        { name: 'hello:live', sandboxes: 3 },
        { name: 'arn:aws:lambda:us-east-1:111111111111:function:f', sandboxes: 1 },
      ],
      until: '2026-02-04T12:00:00.000Z',
      schedule: {
        timeZone: 'Europe/Berlin',
        windows: [
          { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' },
          { days: ['sat', 'sun'], from: '22:00', to: '06:00' },
          { days: ['fri', 'sat', 'sun', 'mon'], from: '00:00', to: '24:00' },
        ],
      },
      constraints: { minFreeShare: 0.5, maxPrice: 0.4 },
      lendSeconds: 5,
    },
  );
  assert.deepEqual(termsOf({}, NOW), {});
  assert.deepEqual(termsOf({ until: 'none', window: ['always'] }, NOW), { until: null, schedule: null });
  assert.equal(termsOf({ until: '2026-12-31T18:00+01:00' }, NOW).until, '2026-12-31T17:00:00.000Z');
});

test('what makes no sense is refused with how to write it', () => {
  const wrong: TermOptions[] = [
    { function: ['=3'] },
    { until: 'soon' },
    { window: ['mon 8-18'] },
    { window: ['noday 08:00-18:00'] },
    { window: ['mon-tue-wed 08:00-18:00'] },
    { zone: 'UTC' },
    { minFree: 'half' },
    { lend: 'long' },
  ];
  for (const options of wrong) assert.throws(() => termsOf(options, NOW), CliError, JSON.stringify(options));
});

test('a schedule is shown as it is written', () => {
  const windows = [
    { days: ['mon', 'tue', 'wed'], from: '08:00', to: '18:00' },
    { days: ['sun', 'sat'], from: '22:00', to: '06:00' },
  ];
  assert.equal(formatSchedule({ timeZone: 'UTC', windows }), 'mon-wed 08:00-18:00; sat,sun 22:00-06:00 UTC');
  assert.equal(formatSchedule(null), 'always');
});
