import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import { EVENTUAL, readCanary, readConsistency } from './policy.ts';

test('V12, V13: a policy is immediate, or eventual with a bound in time, in requests, in both or in none', () => {
  assert.deepEqual(readConsistency('eventual', 'x'), EVENTUAL);
  assert.equal(readConsistency(' immediate ', 'x').immediate, true);
  assert.deepEqual(readConsistency('eventual seconds=1.5', 'x'), { ...EVENTUAL, maxMs: 1500 });
  assert.deepEqual(readConsistency('eventual requests=10  seconds=0', 'x'), {
    immediate: false,
    maxMs: 0,
    maxRequests: 10,
  });
  for (const text of [
    '',
    'now',
    'immediate seconds=1',
    'eventual 5',
    'eventual seconds=-1',
    'eventual seconds=1 seconds=2',
    'eventual errors=1',
    'eventual constructor=1',
  ]) {
    const wrong = (error: ApiError) =>
      error.code === 'InvalidParameterValueException' && / of the-tag /.test(error.message);
    assert.throws(() => readConsistency(text, 'the-tag'), wrong, text);
  }
});

test('V20: a canary has a share, and an end', () => {
  assert.deepEqual(readCanary('share=10 errors=5 seconds=60'), {
    share: 0.1,
    errors: 0.05,
    ms: 60_000,
    requests: Infinity,
  });
  assert.deepEqual(readCanary('requests=20 share=50'), { share: 0.5, errors: 0, ms: Infinity, requests: 20 });
  for (const text of [
    '',
    'share=10',
    'share=0 requests=1',
    'share=100 requests=1',
    'requests=5',
    'share=10 requests=0',
    '10 %',
  ]) {
    assert.throws(() => readCanary(text), { code: 'InvalidParameterValueException' }, text);
  }
});
