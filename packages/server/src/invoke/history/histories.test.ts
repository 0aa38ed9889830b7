import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { testSpec } from '../../instances/testing/spec.ts';
import { FunctionHistory } from './function-history.ts';
import { Histories } from './histories.ts';

const specOf = (name: string) => testSpec({ functionName: name, code: { sha256: '0'.repeat(64), size: 0 } });

test('what is expected is more than nearly all invocations take, and follows them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 80, max: 120, noNaN: true }), { minLength: 100, maxLength: 100 }),
      (times) => {
        const history = new FunctionHistory(specOf('a'));
        for (const ms of times) history.ended(ms, 'ended', 0);
        assert.ok(times.filter((ms) => ms <= history.expectedMs!).length >= 90);
        assert.ok(history.expectedMs! < 250);
        for (let i = 0; i < 500; i++) history.ended(10, 'ended', 0);
        assert.ok(history.expectedMs! < 11);
      },
    ),
  );
});

test('nothing is expected of what has not run, and one that has run once is expected to run as long again', () => {
  const histories = new Histories();
  assert.equal(histories.get(specOf('a')), undefined);
  histories.of(specOf('a')).ended(40, 'ended', 0);
  assert.equal(histories.get(specOf('a'))!.expectedMs, 40);
  histories.forget(specOf('a'));
  assert.equal(histories.get(specOf('a')), undefined);
});

test('of very many function versions the first are forgotten', () => {
  const histories = new Histories();
  for (let i = 0; i < 10_001; i++) histories.of(specOf(`f-${i}`));
  assert.equal(histories.get(specOf('f-0')), undefined);
  assert.notEqual(histories.get(specOf('f-1')), undefined);
});
