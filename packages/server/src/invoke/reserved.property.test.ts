/** Reserved concurrency over a whole fleet. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiError } from '@hearth/protocol';
import fc from 'fast-check';
import type { FakeSandbox } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';

type Step =
  | { kind: 'invoke'; quick: boolean; count: number; revision: number }
  | { kind: 'finish'; which: number; how: 'respond' | 'fail' | 'exit' }
  | { kind: 'reserve'; count: number | undefined }
  | { kind: 'pass'; milliseconds: number }
  | { kind: 'kill'; which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('invoke' as const),
      quick: fc.boolean(),
      count: fc.integer({ min: 1, max: 8 }),
      revision: fc.nat(1),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      which: fc.nat(),
      how: fc.constantFrom('respond' as const, 'respond' as const, 'fail' as const, 'exit' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      count: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(1, 5, 20, 1_000, 31_000, 61_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), which: fc.nat() }) },
);

interface Held {
  readonly sandbox: FakeSandbox;
  readonly respond: () => void;
  readonly fail: () => void;
}

const LIMIT = 9;
const RESERVED = 'ReservedFunctionConcurrentInvocationLimitExceeded';

async function holds(managers: number): Promise<void> {
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    let held: Held[] = [];
    await using t = new TestFleet({
      accountConcurrency: () => LIMIT,
      managers,
      accountLeases: 2,
      // So few that requests of a quick function wait for its busy sandboxes.
      processors: 2,
      handlers: {
        'index.handler': (event, { sandbox }) => {
          if (event.toString() === '"quick"') return event;
          return new Promise((resolve, reject) => {
            held.push({ sandbox, respond: () => resolve(event), fail: () => reject(new Error('fails')) });
          });
        },
      },
    });
    // Two revisions of one function, as while an update takes over: both count.
    const specs = [128, 256].map((memoryMb) => t.spec({ memoryMb, timeoutMs: 60_000 }));
    let reserved: number | undefined;
    let running = 0;
    const ask = (revision: number, event: string): void => {
      const full = running >= LIMIT ? 'ConcurrentInvocationLimitExceeded' : undefined;
      const expected = reserved !== undefined && running >= reserved ? RESERVED : full;
      if (expected === undefined) running++;
      t.invoke(specs[revision]!, event).then(
        () => running--,
        (error: ApiError) => {
          // Accepted, but its sandbox could not be had.
          if (expected === undefined) return running--;
          return assert.deepEqual([error.reason, error.message], [expected, 'Rate Exceeded.']);
        },
      );
      // Whether it is accepted is decided at once.
      assert.equal(t.fleet.stats().inFlight, running);
    };
    for (const action of steps) {
      if (action.kind === 'invoke') {
        for (let i = 0; i < action.count; i++) ask(action.revision, action.quick ? '"quick"' : '"held"');
      } else if (action.kind === 'finish' && held.length > 0) {
        const [{ sandbox, respond, fail }] = held.splice(action.which % held.length, 1) as [Held];
        if (action.how === 'respond') respond();
        else if (action.how === 'fail') fail();
        else {
          const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.has(sandbox.id));
          agent?.exit(sandbox, { code: 1, signal: null, outOfMemory: false });
        }
      } else if (action.kind === 'reserve') {
        reserved = action.count;
        t.fleet.reserve(specs[0]!, reserved);
      } else if (action.kind === 'pass') t.clock.advance(action.milliseconds);
      else if (action.kind === 'kill') {
        const agents = [...t.provider.agents.values()];
        agents[action.which % agents.length]?.kill();
      }
      await settled();
      held = held.filter(({ sandbox }) => !sandbox.stream.destroyed);
      assert.equal(t.fleet.stats().inFlight, running);
      assert.ok(held.length <= LIMIT);
    }
    for (let round = 0; round < 6; round++) {
      t.clock.advance(61_000);
      await settled();
    }
    assert.equal(t.fleet.stats().inFlight, 0);
    // An instance that was killed while it booted is tried again after a while.
    for (let second = 0; second < 70 && !t.fleet.ready; second++) {
      t.clock.advance(1_000);
      await settled();
    }
    // Nothing has leaked: as many as are reserved run at once, and not one more.
    held = [];
    t.fleet.reserve(specs[0]!, 3);
    for (let i = 0; i < 5; i++) t.invoke(specs[0]!, '"held"').catch(() => {});
    // An instance that was killed while it booted is tried again after a while, here too.
    for (let turn = 0; turn < 60; turn++) {
      await settled();
      t.clock.advance(turn < 40 ? 1 : 1_000);
    }
    assert.equal(held.length, 3);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 40) });
}

const EXACT =
  'time-outs, crashes and changes of the limit: each request is accepted if and only if there is room, and none is counted twice or for ever';

test(`${EXACT}; one manager`, () => holds(1));

test(`${EXACT}; three managers (X7, N1, N2)`, () => holds(3));
