import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '../cli-error.ts';
import { formatAge, formatBytes, formatMilliseconds, parseDuration } from './amounts.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

test('time spans are read and shown in the units people use', () => {
  assert.deepEqual(['250ms', '30s', '10m', '1.5h', '2d', '7'].map(parseDuration), [250, 3e4, 6e5, 54e5, 1728e5, 7000]);
  for (const wrong of ['', 'm', '-1s', '1w']) assert.throws(() => parseDuration(wrong), CliError);
  assert.deepEqual([0, 59_999, 60_000, 7_200_000, 200_000_000].map(formatAge), ['0s', '59s', '1m', '2h', '2d']);
});

test('bytes are shown with two digits that mean something', () => {
  const shown = [undefined, 0, 999, 1000, 4_200_000, 128_000_000, 2e12].map(formatBytes);
  assert.deepEqual(shown, ['-', '0 B', '999 B', '1.0 kB', '4.2 MB', '128 MB', '2.0 TB']);
});

test('durations are shown as finely as they matter', () => {
  const shown = [0.004, 4.24, 99.94, 310.4, 999.6, 59_949, 250_000, 12_000_000].map(formatMilliseconds);
  assert.deepEqual(shown, ['0.00 ms', '4.2 ms', '99.9 ms', '310 ms', '1.0 s', '59.9 s', '4 min 10 s', '3 h 20 min']);
});

test('a table lines up, and numbers stand to the right', () => {
  assert.equal(
    table(
      ['A', '>SIZE'],
      [
        ['long name', 5],
        ['b', 1234],
      ],
    ),
    'A          SIZE\nlong name     5\nb          1234\n',
  );
});

test('text keeps its colours and loses what would drive the terminal', () => {
  assert.equal(printable('a\u001B[1;31mb\u001B[0m\tc\n'), 'a\u001B[1;31mb\u001B[0m\tc\n');
  assert.equal(printable('x\u001B[2Jy\u001B]0;t\u0007z\u0000\u009B5n'), 'xyz\uFFFD');
  assert.equal(printable('a\rb\r\nc'), 'a\nb\nc');
});
