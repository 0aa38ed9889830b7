import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RuntimeId } from '@hearth/protocol';
import type { Instance } from '../instances/provider.ts';
import { settled } from '../invoke/testing/test-fleet.ts';
import { declare } from './configuration.ts';
import { SIZING, TestCapacity } from './testing/test-capacity.ts';

const RUNTIMES = ['nodejs26.x', 'nodejs24.x'] as const;

/** Time in steps that let what falls due get on. */
async function pass(subject: TestCapacity, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    subject.clock.advance(1_000);
    await settled();
  }
}

test('the warm instances are of the declared configurations and of no account, each with its zygotes (T1, T2, T3, X3)', async () => {
  await using subject = new TestCapacity({
    configurations: declare(RUNTIMES, [512, 1024]),
    sizing: { ...SIZING, least: 4 },
    maxMemoryMb: 8192,
  });
  await subject.capacity.start();
  await pass(subject, 1);
  assert.deepEqual(
    subject.capacity.view().configurations.map(({ name, target, ready, booting }) => [name, target, ready, booting]),
    [
      ['nodejs26.x/512', 1, 1, 0],
      ['nodejs26.x/1024', 1, 1, 0],
      ['nodejs24.x/512', 1, 1, 0],
      ['nodejs24.x/1024', 1, 1, 0],
    ],
  );
  for (const { instance, configuration } of subject.capacity.warm()) {
    assert.equal(instance.account, undefined);
    assert.equal(instance.memoryMb, configuration.memoryMb);
    const [configured] = subject.provider.agents.get(instance.id)!.received;
    assert.ok(configured?.type === 'configure' && configured.runtimes.includes(configuration.runtime));
  }
});

test('a request gets an instance with its runtime and of its size; none that is unfit is taken, the slow path says so (T5, L8)', async () => {
  await using subject = new TestCapacity({ configurations: declare(RUNTIMES, [512, 1024]), maxMemoryMb: 8192 });
  await subject.capacity.start();
  await pass(subject, 1);
  // Two are kept: one of each of the first two configurations.
  assert.deepEqual(Object.values(subject.ready), [1, 1, 0, 0]);
  assert.equal(subject.draw(512, 'nodejs24.x'), undefined);
  assert.equal(subject.draw(2048), undefined);
  subject.want(1, 'nodejs24.x', 600);
  await settled();
  const booted = subject.draw(600, 'nodejs24.x', subject.clock.now())!;
  assert.equal(booted.step, 'boot');
  assert.match(booted.reason, /none was warm; one of nodejs24\.x\/1024 was made/);
  assert.equal(booted.instance.memoryMb, 1024);
  const warm = subject.draw(300)!;
  assert.deepEqual([warm.step, warm.holding.subPool, warm.instance.memoryMb], ['warming', 'general', 512]);
  assert.match(warm.reason, /one was warm, of nodejs26\.x\/512/);
  // The smallest is gone: the next size will do.
  assert.equal(subject.draw(300)!.instance.memoryMb, 1024);
  assert.equal(subject.draw(300), undefined);
});

test('for a runtime that no configuration is declared for one is configured, and the reason says so (T5)', async () => {
  await using subject = new TestCapacity();
  await subject.capacity.start();
  assert.match(subject.draw(512, 'nodejs22.x')!.reason, /no configuration is declared for nodejs22\.x/);
});

test('a configuration whose runtime is not there yet has no instance until it is', async () => {
  let there = false;
  await using subject = new TestCapacity({
    configurations: declare(RUNTIMES, [512]),
    hasRuntime: (runtime) => runtime === 'nodejs26.x' || there,
  });
  await subject.capacity.start();
  await pass(subject, 1);
  assert.deepEqual(Object.values(subject.ready), [2, 0]);
  there = true;
  await pass(subject, 20);
  assert.deepEqual(Object.values(subject.ready), [1, 1]);
});

test('most warm instances become those of the runtime that most is asked of, and the others keep one (A10)', async () => {
  await using subject = new TestCapacity({
    configurations: declare(RUNTIMES, [512]),
    sizing: { ...SIZING, least: 5, most: 5 },
    maxMemoryMb: 512 * 40,
  });
  await subject.capacity.start();
  await pass(subject, 2);
  assert.deepEqual(Object.values(subject.ready), [3, 2]);
  for (let draw = 0; draw < 25; draw++) {
    const taken = subject.draw(512, draw % 5 === 0 ? 'nodejs26.x' : 'nodejs24.x');
    await taken?.instance[Symbol.asyncDispose]();
    await pass(subject, 2);
  }
  await pass(subject, 60);
  assert.deepEqual(Object.values(subject.ready), [1, 4]);
});

test('-1 is followed by +n1, at a high rate by +n2 (A1, A2, A3, T19, X4); when it is over the pool shrinks to its least (A9)', async () => {
  await using subject = new TestCapacity({
    sizing: { ...SIZING, most: 6, busyRefill: 2, busyRequestsPerSecond: 50 },
    maxMemoryMb: 512 * 40,
  });
  await subject.capacity.start();
  await pass(subject, 1);
  const counts: number[] = [];
  const drawOne = async (): Promise<void> => {
    const before = subject.provider.made;
    await subject.draw()!.instance[Symbol.asyncDispose]();
    await pass(subject, 1);
    counts.push(subject.provider.made - before);
  };
  await drawOne();
  subject.requests += 1_000;
  await pass(subject, 1);
  await drawOne();
  await drawOne();
  assert.deepEqual(counts, [1, 2, 2]);
  assert.equal(subject.warm.length, 4);
  assert.equal(subject.capacity.view().refill, 2);
  await pass(subject, 20 * 60);
  assert.equal(subject.warm.length, 2);
});

test('the pool has grown before a peak that comes each day (A4)', async () => {
  await using subject = new TestCapacity({ sizing: { ...SIZING, least: 1, most: 6 }, maxMemoryMb: 512 * 40 });
  await subject.capacity.start();
  /** A quarter of an hour with four draws a minute. */
  const peak = async (): Promise<void> => {
    for (let draw = 0; draw < 60; draw++) {
      await subject.draw()?.instance[Symbol.asyncDispose]();
      await pass(subject, 15);
    }
  };
  const rest = 24 * 3600 - 15 * 60;
  await peak();
  // Nothing happens for most of a day: its seconds need no turn of the event loop.
  subject.clock.advance((rest - 1800) * 1_000);
  await pass(subject, 10);
  assert.equal(subject.warm.length, 1);
  subject.clock.advance(1300 * 1_000);
  await pass(subject, 60);
  assert.ok(subject.warm.length >= 4, `${subject.warm.length} are warm`);
  assert.equal(subject.capacity.view().trend, 'cyclic');
});

test('idle warm instances give way to what somebody waits for, of another configuration or of uncommon size', async () => {
  await using subject = new TestCapacity({ configurations: declare(RUNTIMES, [512]), maxMemoryMb: 1024 });
  await subject.capacity.start();
  await pass(subject, 1);
  assert.deepEqual(Object.values(subject.ready), [1, 1]);
  subject.draw(512, 'nodejs24.x');
  subject.want(1, 'nodejs24.x');
  await settled();
  assert.deepEqual(Object.values(subject.ready), [0, 1]);
  assert.equal(subject.capacity.affords(512), false);
  assert.equal(subject.capacity.makeRoom(1024), false, 'not even without the warm one');
  assert.equal(subject.warm.length, 1);
  assert.equal(subject.capacity.makeRoom(512), true);
});

test('targets stay within the memory that others leave', async () => {
  await using subject = new TestCapacity({ sizing: { ...SIZING, least: 4, most: 4 } });
  const targets = (): number[] => subject.capacity.view().configurations.map(({ target }) => target);
  await subject.capacity.start();
  await pass(subject, 1);
  assert.deepEqual([targets(), subject.warm.length], [[4], 4]);
  const taken = [subject.take(512)!, subject.take(512)!];
  await pass(subject, 1);
  assert.deepEqual([targets(), subject.warm.length], [[2], 2]);
  for (const instance of taken) await instance[Symbol.asyncDispose]();
  await pass(subject, 1);
  assert.deepEqual([targets(), subject.warm.length], [[4], 4]);
});

type Step =
  | { kind: 'take'; runtime: RuntimeId; memoryMb: number }
  | { kind: 'want'; runtime: RuntimeId; count: number }
  | { kind: 'kill'; which: number }
  | { kind: 'fail' }
  | { kind: 'end'; which: number }
  | { kind: 'uncommon' }
  | { kind: 'pass'; milliseconds: number }
  | { kind: 'turn' };

const runtime = fc.constantFrom<RuntimeId>('nodejs26.x', 'nodejs24.x', 'nodejs22.x');
const which = fc.nat();
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('take' as const), runtime, memoryMb: fc.constantFrom(300, 512, 700, 1024) }),
  fc.record({ kind: fc.constant('want' as const), runtime, count: fc.nat(4) }),
  fc.record({ kind: fc.constant('kill' as const), which }),
  fc.record({ kind: fc.constant('fail' as const) }),
  fc.record({ kind: fc.constant('end' as const), which }),
  fc.record({ kind: fc.constant('uncommon' as const) }),
  fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.constantFrom(50, 100, 1_000, 10_000, 70_000) }),
  fc.record({ kind: fc.constant('turn' as const) }),
);

test('whatever happens: targets within least, most and memory, each taken one replaced, none lost, counted twice or unfit', async () => {
  const sizing = fc.record({ least: fc.nat(3), most: fc.nat(6), busyRefill: fc.integer({ min: 1, max: 3 }) });
  const property = fc.asyncProperty(sizing, fc.array(step, { maxLength: 60 }), async (some, steps) => {
    const maxMemoryMb = 4096;
    const configurations = declare(RUNTIMES, [512, 1024]);
    const options = { sizing: { ...SIZING, ...some, busyDrawsPerMinute: 3 }, configurations, maxMemoryMb };
    await using subject = new TestCapacity(options);
    const { capacity, provider, clock } = subject;
    void capacity.start().catch(() => undefined);
    /** All that has left the pool, for good. */
    const taken = new Set<Instance>();
    const live = (): Instance[] => [...taken].filter(({ id }) => provider.instances.has(id));
    const check = (): void => {
      const { configurations: shown, level } = capacity.view();
      const most = Math.max(some.least, some.most);
      assert.ok(level >= some.least && level <= most, `level ${level}`);
      const targets = shown.reduce((sum, { target }) => sum + target, 0);
      assert.ok(targets <= level);
      const targetMb = shown.reduce((sum, { target, memory }) => sum + (target * memory) / 2 ** 20, 0);
      const takenMb = live().reduce((sum, { memoryMb }) => sum + memoryMb, 0);
      assert.ok(targetMb <= maxMemoryMb);
      // Each there is in the pool or out of it, and nowhere twice.
      const warm = subject.warm;
      assert.equal(new Set(warm).size, warm.length);
      assert.ok(warm.every((instance) => !taken.has(instance) && provider.instances.has(instance.id)));
      const warmMb = warm.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
      const bootingMb = shown.reduce((sum, { booting, memory }) => sum + (booting * memory) / 2 ** 20, 0);
      assert.ok(warmMb + bootingMb + takenMb <= maxMemoryMb, 'more memory than there is');
    };
    for (const action of steps) {
      if (action.kind === 'take') {
        const got = subject.draw(action.memoryMb, action.runtime);
        if (got !== undefined) {
          assert.ok(!taken.has(got.instance), 'taken twice');
          assert.ok(got.instance.memoryMb >= action.memoryMb, 'too small');
          const [configured] = provider.agents.get(got.instance.id)!.received;
          const fit = configured?.type === 'configure' && configured.runtimes.includes(action.runtime);
          assert.ok(fit || action.runtime === 'nodejs22.x', 'unfit');
          taken.add(got.instance);
        }
      } else if (action.kind === 'want') subject.want(action.count, action.runtime);
      else if (action.kind === 'kill')
        [...provider.agents.values()].at(action.which % (provider.agents.size || 1))?.kill();
      else if (action.kind === 'fail') provider.failures = 1;
      else if (action.kind === 'end')
        await live()
          .at(action.which % (live().length || 1))
          ?.[Symbol.asyncDispose]();
      else if (action.kind === 'uncommon' && capacity.makeRoom(1536)) {
        capacity.boot({ runtime: 'nodejs26.x', memoryMb: 1536 }).then(
          (instance) => taken.add(instance),
          () => undefined,
        );
      } else if (action.kind === 'pass') clock.advance(action.milliseconds);
      else await settled();
      await new Promise((resolve) => setImmediate(resolve));
      check();
    }
    // When nobody takes any more, there are as many as there are to be, and as the memory allows.
    provider.failures = 0;
    for (const instance of live()) await instance[Symbol.asyncDispose]();
    // The longest back-off, and what is surplus ends one by one.
    await pass(subject, 70);
    for (let minute = 0; minute < 8; minute++) await pass(subject, 61);
    check();
    const { level, configurations: shown } = capacity.view();
    // The largest mix of so many fits.
    if (level * 1024 <= maxMemoryMb) assert.equal(subject.warm.length, level);
    for (const { ready, target, booting } of shown) assert.deepEqual([ready, booting], [target, 0]);
  });
  await fc.assert(property, { numRuns: Number(process.env['HEARTH_PROPERTY_RUNS'] ?? 15) });
});
