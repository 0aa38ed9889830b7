import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNumber, formatTable } from './print.ts';

test('numbers keep three digits, and never lose one before the point', () => {
  assert.equal(formatNumber(0.123_456), '0.123');
  assert.equal(formatNumber(35_123.4), '35,123');
  assert.equal(formatNumber(59.96), '60');
  assert.equal(formatNumber(0), '0');
  assert.equal(formatNumber(Number.NaN), '-');
});

test('columns line up, and a missing number shows as such', () => {
  const rows = [
    ['bare', 88_000],
    ['functions-framework', null],
  ];
  assert.deepEqual(formatTable({ title: 'T', columns: ['', 'req/s'], rows }).split('\n'), [
    '',
    'T',
    '                      req/s',
    'bare                 88,000',
    'functions-framework       -',
  ]);
});
