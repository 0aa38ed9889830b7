import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

/** A function whose invocations end when the test says so. */
function held(): { handler: (event: Buffer) => Promise<Buffer>; endOne: () => void; running: () => number } {
  const open: (() => void)[] = [];
  return {
    handler: (event) => new Promise((resolve) => open.push(() => resolve(event))),
    endOne: () => open.shift()?.(),
    running: () => open.length,
  };
}

/** A fleet on one processor that knows its function to be quick. */
async function quick(handler: (event: Buffer) => Promise<Buffer>): Promise<TestFleet> {
  let known = false;
  const t = new TestFleet({
    processors: 1,
    handlers: { 'index.handler': (event: Buffer) => (known ? handler(event) : event) },
  });
  for (let count = 0; count < 2; count++) await t.invoke(t.spec());
  known = true;
  return t;
}

const sandboxes = (t: TestFleet): number => t.fleet.view().instances.flatMap((instance) => instance.sandboxes).length;

test('requests of a quick function wait for the busy sandbox, and each gets it in turn', async () => {
  const { handler, endOne, running } = held();
  await using t = await quick(handler);
  const answers = [1, 2, 3].map((n) => t.invoke(t.spec(), String(n)));
  await settled();
  assert.equal(running(), 1);
  for (const [index, answer] of answers.entries()) {
    endOne();
    assert.equal((await answer).payload.toString(), String(index + 1));
    await settled();
  }
  assert.equal(sandboxes(t), 1);
});

test('one that has waited in vain gets a sandbox of its own', async () => {
  const { handler, endOne, running } = held();
  await using t = await quick(handler);
  const answers = [1, 2].map((n) => t.invoke(t.spec(), String(n)));
  for (let turn = 0; turn < 4; turn++) {
    await settled();
    assert.equal(running(), 1);
    t.clock.advance(5);
  }
  await settled();
  assert.equal(running(), 2);
  endOne();
  endOne();
  await Promise.all(answers);
  assert.equal(sandboxes(t), 2);
});

test('nobody waits for a function that is not quick', async () => {
  const { handler, endOne, running } = held();
  await using t = new TestFleet({ processors: 1, handlers: { 'index.handler': handler } });
  for (let count = 0; count < 2; count++) {
    const answer = t.invoke(t.spec());
    await settled();
    t.clock.advance(50);
    endOne();
    await answer;
  }
  const answers = [1, 2, 3].map(() => t.invoke(t.spec()));
  await settled();
  assert.equal(running(), 3);
  for (const answer of answers) {
    endOne();
    await answer;
  }
});
