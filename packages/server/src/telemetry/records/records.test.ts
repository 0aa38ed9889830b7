import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSpec } from '../../instances/testing/spec.ts';
import { Metrics } from '../metrics/metrics.ts';
import { InvocationRecords } from './records.ts';

const SPEC = testSpec({ code: { sha256: '0'.repeat(64), size: 0 } });

test('one that waits shows that it has no sandbox; a warm one shows the one step that it took', () => {
  const records = new InvocationRecords(new Metrics());
  const record = records.begin('id-1', SPEC, 'current', 0);
  const waiting = records.get('id-1')!;
  assert.deepEqual([waiting.startPath, waiting.instanceStep, waiting.ladder], [null, null, []]);
  Object.assign(record, { sandbox: 's-1', reason: 'an idle sandbox', placedUs: 20 });
  const placed = records.get('id-1')!;
  assert.deepEqual([placed.startPath, placed.instanceStep], ['warm', 'active']);
  assert.deepEqual(placed.ladder, [{ step: 'idle', taken: true, why: 'an idle sandbox', at: 0.02 }]);
});

test('a complete one shows what it showed before, and holds no steps as objects', () => {
  const records = new InvocationRecords(new Metrics());
  const record = records.begin('id-1', SPEC, 'current', 0);
  const ladder = [{ step: 'idle', taken: false, why: 'none is loaded', at: 0.1 } as const];
  Object.assign(record, { sandbox: 's-1', startPath: 'spare', cold: { ladder, costs: { code: 1.5 } } });
  const before = records.get('id-1')!;
  assert.deepEqual([before.ladder, before.costs], [ladder, { code: 1.5 }]);
  records.end(record, 5);
  assert.equal(record.cold, undefined);
  assert.deepEqual(records.get('id-1'), before);
});

test('a flood of throttled ones hides none that runs, and is counted (L19)', async () => {
  const metrics = new Metrics();
  const records = new InvocationRecords(metrics);
  const running = records.begin('running', SPEC, 'current', 0);
  for (let i = 0; i < 150_000; i++) records.refused(`refused-${i}`, SPEC, 'current', 0, 'the limit is 1');
  assert.equal(records.get('running')?.status, 'running');
  assert.equal(records.get('refused-1'), undefined);
  const last = records.get('refused-149999')!;
  assert.deepEqual([last.status, last.error, last.startPath], ['throttled', 'the limit is 1', null]);
  running.status = 'failed';
  records.end(running, 5);
  const text = await metrics.text();
  assert.match(text, /hearth_invocations_total\{outcome="throttled",start_path="none"\} 150000\n/);
  assert.match(text, /hearth_invocations_total\{outcome="failed",start_path="none"\} 1\n/);
  assert.match(text, /hearth_invocations_total\{outcome="failed",start_path="warm"\} 0\n/);
});
