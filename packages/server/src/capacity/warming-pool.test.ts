import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeProvider } from '../instances/testing/fake-provider.ts';
import { ManualClock } from '../instances/testing/manual-clock.ts';
import { MemoryCode } from '../instances/testing/spec.ts';
import { settled } from '../invoke/testing/test-fleet.ts';
import { WarmingPool } from './warming-pool.ts';
import type { CapacityOptions } from './warming-pool.ts';

class Subject implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly provider = new FakeProvider({ clock: this.clock, code: new MemoryCode(), handlers: {} });
  readonly errors: string[] = [];
  readonly pool: WarmingPool;

  constructor(options: Partial<CapacityOptions> = {}) {
    this.pool = new WarmingPool({
      provider: this.provider,
      clock: this.clock,
      warm: 2,
      instanceMemoryMb: 512,
      instanceCpus: 1,
      spares: 1,
      slots: 1,
      runtimes: () => [],
      maxSandboxes: 4,
      maxMemoryMb: 2048,
      atOnce: 2,
      onLog: (_level, message) => this.errors.push(message),
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
    assert.equal(this.pool.warm.length, 0);
    await this.provider[Symbol.asyncDispose]();
  }
}

test('keeps its number of warm instances, and replaces each that is taken', async () => {
  await using subject = new Subject();
  await subject.pool.start();
  await settled();
  assert.equal(subject.pool.warm.length, 2);
  const taken = subject.pool.take(512)!;
  subject.clock.advance(99);
  await settled();
  assert.equal(subject.pool.warm.length, 1, 'not at once: who took it runs first');
  subject.clock.advance(1);
  await settled();
  assert.equal(subject.pool.warm.length, 2);
  assert.ok(!subject.pool.warm.includes(taken));
  assert.equal(subject.pool.take(1024), undefined);
});

test('replaces a warm instance that is lost', async () => {
  await using subject = new Subject();
  await subject.pool.start();
  await settled();
  const [first] = subject.pool.warm;
  subject.provider.agents.get(first!.id)!.kill();
  await settled();
  assert.equal(subject.pool.warm.length, 2);
  assert.ok(!subject.pool.warm.includes(first!));
});

test('boots for those who wait, a few at a time, within its memory', async () => {
  await using subject = new Subject({ warm: 0 });
  subject.pool.want(1);
  await settled();
  assert.equal(subject.pool.warm.length, 1);
  subject.pool.take(512);
  await settled();
  assert.equal(subject.pool.warm.length, 0);
  subject.pool.want(9);
  assert.equal(subject.pool.booting, 2);
  await settled();
  assert.equal(subject.pool.warm.length, 2, 'whoever still waits asks again');
  subject.pool.want(9);
  await settled();
  assert.equal(subject.pool.warm.length, 3);
  await assert.rejects(subject.pool.boot(4096), { name: 'ProviderError' });
});

test('tries again after a failure, each time after twice as long, and says why', async () => {
  await using subject = new Subject({ warm: 1 });
  subject.provider.failures = 3;
  await assert.rejects(subject.pool.start(), /this machine makes no instances/);
  for (const wait of [1_000, 2_000]) {
    await settled();
    subject.clock.advance(wait - 1);
    await settled();
    const failed = subject.errors.length;
    subject.clock.advance(1);
    await settled();
    assert.equal(subject.errors.length, failed + 1);
  }
  assert.match(subject.errors[0]!, /Hint: /);
  assert.notEqual(subject.pool.lastError, undefined);
  subject.clock.advance(4_000);
  await settled();
  assert.equal(subject.pool.warm.length, 1);
  assert.equal(subject.pool.lastError, undefined);
});

test('an instance that somebody waits for is hurried, and no other', async () => {
  await using subject = new Subject();
  const { pool, provider } = subject;
  const started = pool.start();
  assert.deepEqual(provider.hurried, []);
  pool.want(1);
  pool.want(1);
  assert.equal(provider.hurried.length, 1);
  pool.want(2);
  assert.equal(new Set(provider.hurried).size, 2);
  await started;
  await settled();
  provider.hurried.length = 0;
  pool.want(0);
  pool.take(512);
  subject.clock.advance(100);
  await settled();
  assert.deepEqual(provider.hurried, []);
  await (await pool.boot(512))[Symbol.asyncDispose]();
  assert.equal(provider.hurried.length, 1);
});
