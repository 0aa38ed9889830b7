import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FunctionSpec } from '@hearth/protocol';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

type Step =
  | { kind: 'provision'; which: number; count: number }
  | { kind: 'invoke'; which: number; held: boolean; count: number }
  | { kind: 'finish'; which: number }
  | { kind: 'die'; which: number }
  | { kind: 'kill'; which: number }
  | { kind: 'break'; broken: boolean }
  | { kind: 'pass'; milliseconds: number };

const which = fc.nat();
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('provision' as const), which: fc.nat(2), count: fc.nat(4) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('invoke' as const),
      which: fc.nat(2),
      held: fc.boolean(),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('die' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const), broken: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(1, 10, 1_000, 31_000, 90_000, 11 * 60_000),
    }),
  },
);

test('deaths, changes and invocations in any order: in the end exactly as many are ready as were asked for, and none is left that nobody wants (D5)', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
    let held: (() => void)[] = [];
    const handler: FakeHandler = (event) =>
      event.toString() === '"held"' ? new Promise((resolve) => held.push(() => resolve(event))) : event;
    await using t = new TestFleet({
      handlers: { 'index.handler': handler },
      // Room for all that can be asked for: 3 x 4 kept and as many on demand as run.
      instanceMemoryMb: 2048,
      maxMemoryMb: 16_384,
      renewAfterMs: 5 * 60_000,
    });
    const specs = [1, 2, 3].map((version) =>
      t.spec({
        version: String(version),
        key: `f/${version}`,
        timeoutMs: 60_000,
        // Two of one account, which share instances, and one of another.
        account: version === 3 ? '222222222222' : '111111111111',
      }),
    );
    const wanted = [0, 0, 0];
    const sandboxesOf = ({ version }: FunctionSpec) =>
      t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes.filter((one) => one.version === version));
    const keptOf = (spec: FunctionSpec) => sandboxesOf(spec).filter(({ keptFor }) => keptFor !== null);
    const pass = async (milliseconds: number): Promise<void> => {
      t.clock.advance(milliseconds);
      await settled();
    };
    let answered = 0;
    let asked = 0;
    for (const action of steps) {
      if (action.kind === 'provision') {
        wanted[action.which] = action.count;
        t.fleet.provision(specs[action.which]!, action.count);
      } else if (action.kind === 'invoke') {
        for (let i = 0; i < action.count; i++) {
          asked++;
          const end = () => void answered++;
          t.invoke(specs[action.which]!, action.held ? '"held"' : '"quick"').then(end, end);
        }
      } else if (action.kind === 'finish') {
        if (held.length > 0) held.splice(action.which % held.length, 1)[0]!();
      } else if (action.kind === 'die') {
        const all = [...t.provider.agents.values()].flatMap((agent) =>
          [...agent.sandboxes.values()].map((sandbox) => ({ agent, sandbox })),
        );
        if (all.length === 0) continue;
        const { agent, sandbox } = all[action.which % all.length]!;
        agent.exit(sandbox, { code: 1, signal: null, outOfMemory: false });
      } else if (action.kind === 'kill') {
        const agents = [...t.provider.agents.values()];
        agents[action.which % agents.length]?.kill();
      } else if (action.kind === 'break') {
        if (action.broken) delete t.handlers['index.handler'];
        else t.handlers['index.handler'] = handler;
      } else await pass(action.milliseconds);
      await settled();
      // Those that are being replaced may be there twice.
      for (const [index, spec] of specs.entries()) assert.ok(keptOf(spec).length <= 2 * 4 + wanted[index]!);
      for (const { account, sandboxes } of t.fleet.view().instances) {
        for (const { version } of sandboxes) assert.equal(account, version === '3' ? '222222222222' : '111111111111');
      }
    }
    t.handlers['index.handler'] = handler;
    // Everything that runs ends, and what could not be had is tried again.
    const isDone = () =>
      answered === asked && specs.every((spec, index) => t.fleet.provisionedState(spec).ready === wanted[index]);
    for (let second = 0; second < 300 && !isDone(); second++) {
      for (const open of held) open();
      held = [];
      // In small steps: a jump would be too long for what has only just begun.
      await pass(1_000);
    }
    assert.equal(answered, asked);
    for (let turn = 0; turn < 40; turn++) await pass(10);
    for (const [index, spec] of specs.entries()) {
      assert.equal(t.fleet.provisionedState(spec).ready, wanted[index]);
      assert.equal(keptOf(spec).length, wanted[index]);
      // Each of them can be had at once, together.
      const before = held.length;
      const all = Array.from({ length: wanted[index]! }, () => t.invoke(spec, '"held"'));
      await settled();
      assert.equal(held.length - before, wanted[index]);
      for (const open of held.splice(before)) open();
      for (const one of all) assert.equal((await one).startPath, 'warm');
    }
    for (const spec of specs) t.fleet.provision(spec, 0);
    for (let turn = 0; turn < 40; turn++) await pass(10);
    assert.equal(specs.flatMap((spec) => keptOf(spec)).length, 0);
    await pass(11 * 60_000);
    await pass(11 * 60_000);
    assert.equal(specs.flatMap((spec) => sandboxesOf(spec)).length, 0);
    assert.equal(t.logs.writers, 0);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 40) });
});
