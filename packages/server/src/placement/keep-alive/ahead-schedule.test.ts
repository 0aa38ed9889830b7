import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { testSpec } from '../../instances/testing/spec.ts';
import { AheadOfCall, AheadSchedule } from './ahead-schedule.ts';
import { VersionTable } from './version-table.ts';

const code = { sha256: 'a'.repeat(64), size: 1 };
const spec = testSpec({ code });
const plan = { afterMs: 0, keepMs: 1_000, why: 'a timer' };

function schedule(): { clock: ManualClock; schedule: AheadSchedule; due: AheadOfCall[] } {
  const clock = new ManualClock();
  const due: AheadOfCall[] = [];
  return { clock, schedule: new AheadSchedule(clock, (call) => due.push(call)), due };
}

test('what is planned is due once, each at its own time', () => {
  const t = schedule();
  const [late, early] = [new AheadOfCall(spec, 1, 0, plan), new AheadOfCall(spec, 2, 0, plan)];
  t.schedule.add(late, 500, t.clock.now());
  t.schedule.add(early, 200, t.clock.now());
  t.clock.advance(199);
  assert.deepEqual(t.due, []);
  t.clock.advance(1);
  assert.deepEqual(t.due, [early]);
  t.clock.advance(10_000);
  assert.deepEqual(t.due, [early, late]);
});

test('of one rank only the last plan counts, and none once it has been needed', () => {
  const t = schedule();
  const [first, second, other] = [1, 1, 2].map((rank) => new AheadOfCall(spec, rank, 0, plan));
  t.schedule.add(first!, 200, t.clock.now());
  t.schedule.add(second!, 300, t.clock.now());
  t.schedule.add(other!, 300, t.clock.now());
  t.schedule.cancel(spec, 2);
  t.clock.advance(1_000);
  assert.deepEqual(t.due, [second]);
});

test('a version that is no more takes the plans of its tenants with it, and no others', () => {
  const t = schedule();
  const tenant = { ...spec, key: `${spec.key}/red`, tenant: { id: 'red', of: spec.key } };
  const another = testSpec({ code, functionName: 'another' });
  for (const each of [spec, tenant, another]) t.schedule.add(new AheadOfCall(each, 1, 0, plan), 200, t.clock.now());
  t.schedule.forget(spec);
  t.clock.advance(1_000);
  assert.deepEqual(
    t.due.map((call) => call.spec),
    [another],
  );
  t.schedule[Symbol.dispose]();
  assert.equal(t.clock.pendingTimers, 0);
});

test('what is remembered is bounded: what was used least recently is forgotten', () => {
  const table = new VersionTable(() => ({}), 3);
  const [a] = ['a', 'b', 'c'].map((name) => table.of(name));
  assert.equal(table.of('a'), a);
  table.of('d');
  assert.equal(table.size, 3);
  assert.equal(table.of('a'), a);
  table.of('b');
  table.of('e');
  table.forget('a');
  assert.notEqual(table.of('a'), a);
  const tenants = table.of('a/red');
  table.forget('a');
  assert.notEqual(table.of('a/red'), tenants);
});
