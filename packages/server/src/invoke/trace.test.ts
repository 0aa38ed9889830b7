/** https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activeTrace, traceFields } from './trace.ts';

const NOW = 1_700_000_000_000;

test('an invocation without a trace gets one, sampled', () => {
  const trace = activeTrace(undefined, NOW);
  assert.match(trace, /^Root=1-6553f100-[\da-f]{24};Parent=[\da-f]{16};Sampled=1$/);
  assert.notEqual(activeTrace(undefined, NOW), trace);
});

test("a caller's trace goes on with the function's own segment", () => {
  const fields = traceFields(activeTrace('Root=1-5-a; Parent=b;Sampled=1;Lineage=25:1', NOW));
  assert.deepEqual(
    { ...fields, Parent: undefined },
    { Root: '1-5-a', Parent: undefined, Sampled: '1', Lineage: '25:1' },
  );
  assert.match(fields['Parent']!, /^[\da-f]{16}$/);
  assert.match(activeTrace('Root=1-5-a', NOW), /^Root=1-5-a;Parent=[\da-f]{16};Sampled=1$/);
});

test("a caller's decision against sampling holds", () => {
  assert.match(activeTrace('Root=1-5-a;Sampled=0', NOW), /;Sampled=0$/);
});

test('nonsense in place of a header does no harm', () => {
  for (const header of ['', ';;;', '=', 'Root', 'a=b=c;Root=x'])
    assert.match(activeTrace(header, NOW), /^Root=.+;Parent=/);
});
