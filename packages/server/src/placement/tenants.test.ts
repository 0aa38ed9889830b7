/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

type Step =
  | { kind: 'invoke'; tenant: string; held: boolean }
  | { kind: 'finish'; which: number }
  | { kind: 'die'; which: number }
  | { kind: 'retire' }
  | { kind: 'pass'; milliseconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('invoke' as const),
      tenant: fc.constantFrom('red', 'green', 'blue'),
      held: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'retire' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.constantFrom(1, 5, 1_000, 90_000) }),
  },
);

test('no sandbox ever serves two tenants, and when the version is gone none of theirs is left', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
    let held: (() => void)[] = [];
    const served = new Map<string, string>();
    const handler: FakeHandler = (event, { sandbox, meta }) => {
      const before = served.get(sandbox.id);
      assert.ok(before === undefined || before === meta.tenantId);
      served.set(sandbox.id, meta.tenantId!);
      return event.toString() === '"held"' ? new Promise((resolve) => held.push(() => resolve(event))) : event;
    };
    await using t = new TestFleet({ handlers: { 'index.handler': handler }, processors: 2 });
    let revision = 1;
    const version = () => t.spec({ key: `f/${revision}`, tenancy: 'PER_TENANT', timeoutMs: 60_000 });
    let current = version();
    const ask = (id: string, event: string) =>
      t.invoke({ ...current, key: `${current.key}/${id}`, tenant: { id, of: current.key } }, event, { tenantId: id });
    let [asked, answered] = [0, 0];
    for (const action of steps) {
      if (action.kind === 'invoke') {
        asked++;
        const end = () => void answered++;
        ask(action.tenant, action.held ? '"held"' : '"quick"').then(end, end);
      } else if (action.kind === 'finish' && held.length > 0) held.splice(action.which % held.length, 1)[0]!();
      else if (action.kind === 'die') {
        const all = [...t.provider.agents.values()].flatMap((agent) =>
          [...agent.sandboxes.values()].map((sandbox) => ({ agent, sandbox })),
        );
        const one = all[action.which % Math.max(1, all.length)];
        one?.agent.exit(one.sandbox, { code: 1, signal: null, outOfMemory: false });
      } else if (action.kind === 'retire') {
        t.fleet.retire(current);
        revision++;
        current = version();
      } else if (action.kind === 'pass') t.clock.advance(action.milliseconds);
      await settled();
    }
    t.fleet.retire(current);
    const isDone = () => answered === asked;
    for (let second = 0; second < 70 && !isDone(); second++) {
      for (const open of held) open();
      held = [];
      t.clock.advance(1_000);
      await settled();
    }
    assert.equal(answered, asked);
    for (let turn = 0; turn < 60; turn++) {
      t.clock.advance(10);
      await settled();
    }
    assert.deepEqual(
      t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes),
      [],
    );
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 40) });
});

test('an idle sandbox of one tenant is of no use to another, and of his own to the next invocation', async () => {
  await using t = new TestFleet();
  const spec = t.spec({ key: 'f/1', tenancy: 'PER_TENANT' });
  const ask = async (id: string) => {
    const own = { ...spec, key: `${spec.key}/${id}`, tenant: { id, of: spec.key } };
    return (await t.invoke(own, '{}', { tenantId: id })).startPath;
  };
  assert.deepEqual(
    [await ask('red'), await ask('blue'), await ask('red'), await ask('blue')].map((path) => path === 'warm'),
    [false, false, true, true],
  );
});
