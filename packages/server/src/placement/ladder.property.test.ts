import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FakeSandbox } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

type Step =
  | { kind: 'invoke'; account: number; name: number; memoryMb: number }
  | { kind: 'finish'; which: number; how: 'respond' | 'fail' | 'exit' }
  | { kind: 'pass'; milliseconds: number }
  | { kind: 'retire'; account: number; name: number; memoryMb: number }
  | { kind: 'kill'; which: number };

// Few functions, so that they meet their idle sandboxes again, and large ones, so that instances fill up.
const memoryMb = fc.constantFrom(384, 640, 2048);
const account = fc.integer({ min: 0, max: 1 });
const name = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('invoke' as const), account, name, memoryMb }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      which: fc.nat(),
      how: fc.constantFrom(
        'respond' as const,
        'respond' as const,
        'respond' as const,
        'fail' as const,
        'exit' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(1, 5, 5, 5, 1_000, 31_000, 11 * 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retire' as const), account, name, memoryMb }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), which: fc.nat() }) },
);

/** Invocations under way in the fake sandboxes, to be ended by the test. */
interface Held {
  readonly sandbox: FakeSandbox;
  readonly respond: () => void;
  readonly fail: () => void;
}

/** Invocations of one account at once. */
const LIMIT = 7;

async function holds(managers: number): Promise<void> {
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    let held: Held[] = [];
    await using t = new TestFleet({
      managers,
      // Fewer than an account may have: other managers come in.
      accountLeases: 3,
      accountConcurrency: () => LIMIT,
      handlers: {
        'index.handler': (event, { sandbox }) => {
          const owner = sandbox.spec!.account;
          const running = held.filter(
            (other) => other.sandbox.spec!.account === owner && !other.sandbox.stream.destroyed,
          );
          assert.ok(running.length < LIMIT, `more than ${LIMIT} invocations of an account run`);
          assert.ok(!held.some((other) => other.sandbox === sandbox), 'a sandbox runs two invocations');
          return new Promise((resolve, reject) => {
            held.push({ sandbox, respond: () => resolve(event), fail: () => reject(new Error('fails')) });
          });
        },
      },
    });
    const owners = new Map<string, string>();
    const check = (): void => {
      for (const { id, account: owner, memory, sandboxes } of t.fleet.view().instances) {
        assert.ok(
          memory.committed >= 0 && memory.committed <= memory.total,
          `${memory.committed} of ${memory.total} bytes`,
        );
        for (const { spec } of t.provider.agents.get(id)?.sandboxes.values() ?? []) assert.equal(spec!.account, owner);
        if (owner === null) continue;
        assert.equal(owners.get(id) ?? owner, owner);
        owners.set(id, owner);
        assert.ok(sandboxes.length > 0 || memory.committed === 0);
      }
    };
    let answered = 0;
    let asked = 0;
    const specOf = (of: { account: number; name: number; memoryMb: number }) =>
      t.spec({
        account: String(111111111111 * (of.account + 1)),
        functionName: `f${of.name}`,
        memoryMb: of.memoryMb,
        timeoutMs: 60_000,
      });
    const end = ({ sandbox, respond, fail }: Held, how: 'respond' | 'fail' | 'exit'): void => {
      if (how === 'respond') respond();
      else if (how === 'fail') fail();
      else {
        const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.has(sandbox.id));
        agent?.exit(sandbox, { code: 1, signal: null, outOfMemory: false });
      }
    };
    for (const action of steps) {
      if (action.kind === 'invoke') {
        asked++;
        const ended = (): void => void answered++;
        t.invoke(specOf(action)).then(ended, ended);
      } else if (action.kind === 'finish' && held.length > 0) {
        const [ending] = held.splice(action.which % held.length, 1);
        end(ending!, action.how);
      } else if (action.kind === 'pass') t.clock.advance(action.milliseconds);
      else if (action.kind === 'retire') t.fleet.retire(specOf(action));
      else if (action.kind === 'kill') {
        const agents = [...t.provider.agents.values()];
        agents[action.which % agents.length]?.kill();
      }
      await settled();
      held = held.filter(({ sandbox }) => !sandbox.stream.destroyed);
      check();
    }
    // Everything ends: what runs by its time-out, what waits by its own, what is idle by its keep-alive.
    for (let round = 0; round < 6; round++) {
      t.clock.advance(61_000);
      await settled();
      check();
    }
    assert.equal(answered, asked, 'every caller has its answer');
    t.clock.advance(11 * 60_000);
    await settled();
    t.clock.advance(31 * 60_000);
    await settled();
    const { instances, sandboxes, inFlight, waiting } = t.fleet.stats();
    assert.deepEqual(sandboxes, {});
    assert.equal(
      instances.find(({ pool }) => pool === 'active'),
      undefined,
    );
    assert.deepEqual([inFlight, waiting, t.logs.writers], [0, 0, 0]);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 40) });
}

const WHATEVER =
  'whatever happens: one invocation in a sandbox, one account on an instance, no limit exceeded, nothing leaks';

test(`${WHATEVER}; one manager (X5, X6, L9, Z1, Z2)`, () => holds(1));

test(`${WHATEVER}; three managers (X7, N1, Z1)`, () => holds(3));
