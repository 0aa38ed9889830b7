import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../invoke/testing/test-fleet.ts';
import { SIZING, TestCapacity } from './testing/test-capacity.ts';

test('keeps its number of warm instances, and replaces each that is taken', async () => {
  await using subject = new TestCapacity();
  await subject.capacity.start();
  await settled();
  assert.equal(subject.warm.length, 2);
  const taken = subject.take(512)!;
  subject.clock.advance(99);
  await settled();
  assert.equal(subject.warm.length, 1, 'not at once: who took it runs first');
  subject.clock.advance(1);
  await settled();
  assert.equal(subject.warm.length, 2);
  assert.ok(!subject.warm.includes(taken));
  assert.equal(subject.take(1024), undefined);
});

test('replaces a warm instance that is lost', async () => {
  await using subject = new TestCapacity();
  await subject.capacity.start();
  await settled();
  const [first] = subject.warm;
  subject.provider.agents.get(first!.id)!.kill();
  await settled();
  assert.equal(subject.warm.length, 2);
  assert.ok(!subject.warm.includes(first!));
});

test('boots for those who wait, a few at a time, within its memory', async () => {
  await using subject = new TestCapacity({ sizing: { ...SIZING, least: 0 } });
  subject.want(1);
  await settled();
  assert.equal(subject.warm.length, 1);
  subject.take(512);
  await settled();
  assert.equal(subject.warm.length, 0);
  subject.want(9);
  assert.equal(subject.capacity.booting, 2);
  await settled();
  assert.equal(subject.warm.length, 2, 'whoever still waits asks again');
  subject.want(9);
  await settled();
  assert.equal(subject.warm.length, 3);
  await assert.rejects(subject.capacity.boot({ runtime: 'nodejs26.x', memoryMb: 4096 }), { name: 'ProviderError' });
});

test('tries again after a failure, each time after twice as long, and says why', async () => {
  await using subject = new TestCapacity({ sizing: { ...SIZING, least: 1 } });
  subject.provider.failures = 3;
  await assert.rejects(subject.capacity.start(), /this machine makes no instances/);
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
  assert.notEqual(subject.capacity.lastError, undefined);
  subject.clock.advance(4_000);
  await settled();
  assert.equal(subject.warm.length, 1);
  assert.equal(subject.capacity.lastError, undefined);
});

test('an instance that somebody waits for is hurried, and no other', async () => {
  await using subject = new TestCapacity();
  const { capacity, provider } = subject;
  const started = capacity.start();
  assert.deepEqual(provider.hurried, []);
  subject.want(1);
  subject.want(1);
  assert.equal(provider.hurried.length, 1);
  subject.want(2);
  assert.equal(new Set(provider.hurried).size, 2);
  await started;
  await settled();
  provider.hurried.length = 0;
  subject.want(0);
  subject.take(512);
  subject.clock.advance(100);
  await settled();
  assert.deepEqual(provider.hurried, []);
  await (await capacity.boot({ runtime: 'nodejs26.x', memoryMb: 512 }))[Symbol.asyncDispose]();
  assert.equal(provider.hurried.length, 1);
});

test('it is ready with the first warm instance, and at once where none is kept', async () => {
  await using subject = new TestCapacity();
  const started = subject.capacity.start();
  assert.equal(subject.capacity.isReady, false);
  await started;
  assert.equal(subject.capacity.isReady, true);
  await using none = new TestCapacity({ sizing: { ...SIZING, least: 0 } });
  await none.capacity.start();
  assert.equal(none.capacity.isReady, true);
});
