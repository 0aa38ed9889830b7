/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionScalingConfig.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

const OWN = 'arn:aws:lambda:us-east-1:111111111111:capacity-provider:own';

class Gate {
  held: (() => void)[] = [];
  types: string[] = [];
  readonly handler: FakeHandler = (event, { init }) => {
    this.types.push(init.environment['AWS_LAMBDA_INITIALIZATION_TYPE']!);
    if (event.toString() !== '"held"') return event;
    return new Promise((resolve) => this.held.push(() => resolve(event)));
  };

  open(): void {
    for (const one of this.held.splice(0)) one();
  }
}

function setUp(gate: Gate) {
  const t = new TestFleet({ handlers: { 'index.handler': gate.handler }, maxMemoryMb: 16_384, waitMs: 5_000 });
  t.fleet.limitProvider(OWN, 16);
  const spec = t.spec({ key: 'f/1', version: '1', capacityProvider: OWN, timeoutMs: 60_000 });
  const count = () => t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes).length;
  const pass = async (turns: number, milliseconds = 10) => {
    for (let turn = 0; turn < turns; turn++) {
      await settled();
      t.clock.advance(milliseconds);
    }
    await settled();
  };
  return { t, spec, count, pass };
}

test('a version keeps its least number initialised, and never has more than its greatest', async () => {
  const gate = new Gate();
  const { t, spec, count, pass } = setUp(gate);
  await using _ = t;
  t.fleet.scale(spec, { min: 2, max: 4 });
  await pass(5);
  assert.equal(count(), 2);
  const all = Array.from({ length: 6 }, () => t.invoke(spec, '"held"'));
  await pass(20);
  assert.equal(gate.held.length, 4);
  assert.equal(count(), 4);
  assert.deepEqual(new Set(gate.types), new Set(['lambda-managed-instances']));
  // Who is beyond it has the next that is free.
  gate.open();
  await pass(5);
  assert.equal(gate.held.length, 2);
  gate.open();
  await Promise.all(all);
  t.fleet.scale(spec, { min: 1, max: 1 });
  await pass(20);
  assert.equal(count(), 1);
});

test('who is beyond the greatest number for too long is throttled, and others don’t wait with them', async () => {
  const gate = new Gate();
  const { t, spec, pass } = setUp(gate);
  await using _ = t;
  t.fleet.scale(spec, { min: 0, max: 0 });
  const refused = assert.rejects(t.invoke(spec), { code: 'TooManyRequestsException' });
  await settled();
  const neighbour = t.spec({ key: 'g/1', functionName: 'g', capacityProvider: OWN });
  await pass(1);
  const other = t.invoke(neighbour);
  await pass(20);
  await other;
  t.clock.advance(5_000);
  await refused;
  const waits = t.invoke(spec);
  await settled();
  t.fleet.scale(spec, { min: 0, max: 1 });
  await pass(20);
  assert.equal((await waits).functionError, undefined);
});

test('whatever comes in whatever order, the greatest number holds', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('invoke' as const), held: fc.boolean() }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'open' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('scale' as const), min: fc.nat(3), more: fc.nat(3) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), which: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), turns: fc.constantFrom(1, 10, 60) }) },
  );
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
    const gate = new Gate();
    const { t, spec, count, pass } = setUp(gate);
    await using _ = t;
    let [min, max, asked, answered] = [0, Infinity, 0, 0];
    for (const action of steps) {
      const before = count();
      if (action.kind === 'invoke') {
        asked++;
        const end = () => void answered++;
        t.invoke(spec, action.held ? '"held"' : '{}').then(end, end);
      } else if (action.kind === 'open') gate.open();
      else if (action.kind === 'scale') {
        [min, max] = [action.min, action.min + action.more];
        t.fleet.scale(spec, { min, max });
      } else if (action.kind === 'die') {
        const agents = [...t.provider.agents.values()];
        const all = agents.flatMap((agent) => [...agent.sandboxes.values()].map((sandbox) => ({ agent, sandbox })));
        const one = all[action.which % Math.max(1, all.length)];
        one?.agent.exit(one.sandbox, { code: 1, signal: null, outOfMemory: false });
      } else await pass(action.turns);
      await settled();
      // Those that were there when it became less have to end first.
      assert.ok(count() <= Math.max(before, max), `${count()} of ${max}`);
    }
    for (let second = 0; second < 70; second++) {
      gate.open();
      await pass(1, 1_000);
    }
    assert.equal(answered, asked);
    assert.ok(count() >= min && count() <= max);
    assert.equal(t.fleet.provisionedState(spec).ready, min);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 30) });
});
