import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { FakeSandbox } from '../instances/testing/fake-agent.ts';
import { testSpec } from '../instances/testing/spec.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

type Step =
  | { kind: 'invoke'; count: number }
  | { kind: 'finish'; which: number; dies: boolean }
  | { kind: 'deploy'; fault: 'none' | 'throws' | 'hangs' | 'damaged'; breaks: number }
  | { kind: 'call-off' }
  | { kind: 'pass'; milliseconds: number }
  | { kind: 'kill'; which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('invoke' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      which: fc.nat(),
      dies: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deploy' as const),
      fault: fc.constantFrom('none' as const, 'none' as const, 'throws' as const, 'hangs' as const, 'damaged' as const),
      breaks: fc.constantFrom(0, 0, 1, 4),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'call-off' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(1, 5, 5, 100, 400, 1_000, 31_000, 11 * 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), which: fc.nat() }) },
);

interface Held {
  readonly sandbox: FakeSandbox;
  readonly respond: () => void;
}

test('whatever is deployed and whatever happens: each invocation runs the version that served when it came, on an instance with room, and what could not be loaded never takes over', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
    let held: Held[] = [];
    await using t = new TestFleet({
      hangingInits: new Set(['hangs']),
      handlers: {
        'index.handler': (_event, { sandbox }) =>
          new Promise((resolve) =>
            held.push({ sandbox, respond: () => resolve(Buffer.from(`"${sandbox.spec!.version}"`)) }),
          ),
      },
    });
    let number = 0;
    const make = (fault: string): FunctionSpec => {
      const bytes = Buffer.from(`code ${++number}`);
      const account = '111111111111';
      const sha256 = t.code.put(account, bytes);
      if (fault === 'damaged') t.code.put(account, Buffer.from('damaged'), sha256);
      return testSpec({
        key: `f/${number}`,
        version: String(number),
        handler: fault === 'hangs' || fault === 'throws' ? fault : 'index.handler',
        memoryMb: 256,
        timeoutMs: 60_000,
        code: { sha256, size: bytes.length },
      });
    };
    let serving = make('none');
    let update: { next: FunctionSpec; off: AbortController } | undefined;
    const deploy = (fault: string): void => {
      const old = serving;
      const next = make(fault);
      const off = new AbortController();
      const settle = (failed?: unknown): void => {
        update = undefined;
        if (failed === undefined) {
          assert.equal(fault, 'none', 'what is broken took over');
          serving = next;
          t.fleet.retire(old);
        } else if (!off.signal.aborted && !(failed instanceof RolloutError)) throw failed as Error;
      };
      const preparing = t.fleet.prepare(old, next, off.signal);
      if (preparing === undefined) return;
      update = { next, off };
      preparing.then(() => settle(), settle).catch((error: unknown) => broken.push(error));
    };
    const broken: unknown[] = [];
    let asked = 0;
    let answered = 0;
    const invoke = (): void => {
      asked++;
      const served = serving.version;
      const right = ({ payload, functionError }: { payload: Buffer; functionError?: string }): void => {
        answered++;
        if (functionError === undefined) assert.equal(payload.toString(), `"${served}"`);
      };
      t.invoke(serving)
        .then(right, () => void answered++)
        .catch((error: unknown) => broken.push(error));
    };
    const check = (): void => {
      for (const { memory } of t.fleet.view().instances) {
        assert.ok(memory.committed >= 0 && memory.committed <= memory.total);
      }
      assert.deepEqual(broken, []);
    };
    for (const action of steps) {
      if (action.kind === 'invoke') for (let sent = 0; sent < action.count; sent++) invoke();
      else if (action.kind === 'finish' && held.length > 0) {
        const [ending] = held.splice(action.which % held.length, 1);
        const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.has(ending!.sandbox.id));
        if (action.dies) agent?.exit(ending!.sandbox, { code: 1, signal: null, outOfMemory: false });
        else ending!.respond();
      } else if (action.kind === 'deploy' && update === undefined) {
        t.code.failures = action.breaks;
        deploy(action.fault);
      } else if (action.kind === 'call-off') update?.off.abort(new Error('called off'));
      else if (action.kind === 'pass') t.clock.advance(action.milliseconds);
      else if (action.kind === 'kill') {
        const agents = [...t.provider.agents.values()];
        agents[action.which % agents.length]?.kill();
      }
      await settled();
      held = held.filter(({ sandbox }) => !sandbox.stream.destroyed);
      check();
    }
    for (let round = 0; round < 8; round++) {
      t.clock.advance(61_000);
      await settled();
      check();
    }
    assert.equal(answered, asked, 'every caller has its answer');
    assert.equal(update, undefined, 'an update comes to an end');
    t.clock.advance(11 * 60_000);
    await settled();
    t.clock.advance(31 * 60_000);
    await settled();
    assert.deepEqual(t.fleet.stats().sandboxes, {});
    assert.equal(t.logs.writers, 0);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 40) });
});
