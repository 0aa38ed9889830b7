import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../invoke/testing/test-fleet.ts';
import { TestCapacity } from './testing/test-capacity.ts';

const MINUTE = 60_000;

async function warmed(): Promise<TestCapacity> {
  const subject = new TestCapacity();
  await subject.capacity.start();
  await settled();
  return subject;
}

async function pass(subject: TestCapacity, minutes: number): Promise<void> {
  for (let half = 0; half < 2 * minutes; half++) {
    subject.clock.advance(MINUTE / 2);
    await settled();
  }
}

/** How often each agent has been asked. */
const checks = (subject: TestCapacity): number[] =>
  [...subject.provider.agents.values()].map(({ received }) => received.filter(({ type }) => type === 'check').length);

test('each warm instance is checked once in an interval, which grows while all are well, up to twelve times (X22)', async () => {
  await using subject = await warmed();
  await pass(subject, 5);
  assert.deepEqual(checks(subject), [1, 1]);
  await pass(subject, 55);
  // Twelve without the growth.
  for (const count of checks(subject)) assert.ok(count > 3 && count < 9, `${count} in an hour`);
  await pass(subject, 10 * 60);
  const before = checks(subject);
  await pass(subject, 5 * 60);
  assert.deepEqual(
    checks(subject).map((count, index) => count - before[index]!),
    [5, 5],
  );
});

test('an instance that is ill is replaced, and the others are checked sooner (X22)', async () => {
  await using subject = await warmed();
  const [ill, well] = subject.warm;
  subject.provider.agents.get(ill!.id)!.problems = ['the disk: ENOSPC'];
  await pass(subject, 3);
  assert.equal(subject.warm.length, 2);
  assert.ok(!subject.warm.includes(ill!) && subject.warm.includes(well!));
  assert.equal(subject.provider.agents.has(ill!.id), false);
  const asked = (): number =>
    subject.provider.agents.get(well!.id)!.received.filter(({ type }) => type === 'check').length;
  const before = asked();
  await pass(subject, 1.5);
  assert.ok(asked() > before);
});

test('an instance whose agent says nothing is replaced (X22)', async () => {
  await using subject = await warmed();
  const [silent] = subject.warm;
  subject.provider.agents.get(silent!.id)!.stuck = true;
  await pass(subject, 3);
  assert.equal(subject.warm.length, 2);
  assert.ok(!subject.warm.includes(silent!));
});

test('one that was taken is the business of who took it', async () => {
  await using subject = await warmed();
  const taken = subject.take(512)!;
  subject.provider.agents.get(taken.id)!.stuck = true;
  await pass(subject, 30);
  assert.ok(subject.provider.agents.has(taken.id));
  assert.equal(subject.provider.agents.get(taken.id)!.received.filter(({ type }) => type === 'check').length, 0);
});
