import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';

const MB = 1024 * 1024;

/** A handler that waits until it is let go. */
function gate(): { handler: FakeHandler; open: (count?: number) => void; waiting: () => number } {
  const held: (() => void)[] = [];
  const handler: FakeHandler = (event) => new Promise((resolve) => held.push(() => resolve(event)));
  const open = (count = held.length): void => held.splice(0, count).forEach((release) => release());
  return { handler, open, waiting: () => held.length };
}

const sandboxesOf = (t: TestFleet) => t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes);
const frozenIn = (t: TestFleet) => [...t.provider.freezers.values()].reduce((sum, { frozen }) => sum + frozen.size, 0);

test('a sandbox is frozen 5 ms after its invocation, and thawed for the next', async () => {
  await using t = new TestFleet();
  const spec = t.spec();
  await t.invoke(spec);
  assert.equal(frozenIn(t), 0);
  await t.invoke(spec);
  t.clock.advance(4);
  assert.equal(frozenIn(t), 0);
  t.clock.advance(1);
  assert.equal(frozenIn(t), 1);
  assert.equal((await t.invoke(spec)).startPath, 'warm');
  assert.equal(frozenIn(t), 0);
});

test('with a delay of 0 it is frozen before its response is passed on', async () => {
  await using t = new TestFleet({ freezeAfterMs: 0 });
  await t.invoke(t.spec());
  assert.equal(frozenIn(t), 1);
});

test('an idle sandbox counts with what it uses, an executing one with its limit (L9)', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler } });
  const spec = t.spec({ memoryMb: 512 });
  const running = t.invoke(spec);
  await settled();
  const committed = () => t.fleet.view().instances.find(({ pool }) => pool === 'active')!.memory.committed / MB;
  assert.equal(committed(), 512);
  open();
  await running;
  t.clock.advance(5);
  assert.equal(committed(), 10);
  const again = t.invoke(spec);
  await settled();
  assert.equal(committed(), 512);
  open();
  await again;
});

test('without a freezer the agent is asked what a sandbox uses', async () => {
  await using t = new TestFleet({ freezer: 'none' });
  await t.invoke(t.spec({ memoryMb: 512 }));
  t.clock.advance(5);
  await settled();
  assert.equal(t.fleet.view().instances.find(({ pool }) => pool === 'active')!.memory.committed, 10 * MB);
});

test('the last used idle sandbox is used first, and the others grow old', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler }, sandboxKeepAliveMs: 1_000 });
  const spec = t.spec();
  const both = [t.invoke(spec), t.invoke(spec)];
  await settled();
  open();
  await Promise.all(both);
  for (let round = 0; round < 4; round++) {
    t.clock.advance(300);
    const running = t.invoke(spec);
    await settled();
    open();
    assert.equal((await running).startPath, 'warm');
  }
  await settled();
  assert.equal(sandboxesOf(t).length, 1);
});

test('a sandbox goes after its keep-alive, its instance later (Z3)', async () => {
  await using t = new TestFleet();
  await t.invoke(t.spec());
  // The instance that it took is replaced meanwhile.
  t.clock.advance(100);
  await settled();
  t.clock.advance(10 * 60_000 - 101);
  await settled();
  assert.equal(sandboxesOf(t).length, 1);
  t.clock.advance(1);
  await settled();
  assert.equal(sandboxesOf(t).length, 0);
  assert.equal(t.fleet.stats().instances.find(({ pool }) => pool === 'active')?.count, 1);
  t.clock.advance(30 * 60_000);
  await settled();
  assert.deepEqual(
    t.fleet.view().instances.map(({ pool, state }) => [pool, state]),
    [['warming', 'warm']],
  );
  assert.equal(t.logs.writers, 0);
});

test('the ladder: the instance with the code, one with room, a warm one (L4, L5, L7, L10, T10)', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler } });
  await settled();
  const step = async (functionName: string, memoryMb: number): Promise<[string, string]> => {
    const invocation = t.invocation(t.spec({ functionName, memoryMb }));
    t.fleet.invoke(invocation).catch(assert.fail);
    await settled();
    const { instanceStep, reason } = t.records.records.get(invocation.requestId)!;
    return [instanceStep, reason.split(';').slice(0, 2).join(';')];
  };
  assert.deepEqual(await step('a', 512), [
    'warming',
    'no instance of the account has room; one was warm, of nodejs26.x/1024',
  ]);
  assert.deepEqual(await step('a', 128), [
    'active',
    'no idle sandbox; an instance of the account has the code and room',
  ]);
  assert.deepEqual((await step('b', 384))[0], 'active');
  assert.equal(t.fleet.stats().instances.find(({ pool }) => pool === 'active')!.count, 1);
  // Time for the instance that was taken to be replaced.
  t.clock.advance(100);
  await settled();
  assert.deepEqual((await step('a', 128))[0], 'warming');
  assert.equal(t.fleet.stats().instances.find(({ pool }) => pool === 'active')!.count, 2);
  open();
});

test('two accounts never share an instance (X5, Z1, T21)', async () => {
  await using t = new TestFleet();
  await t.invoke(t.spec({ account: '111111111111' }));
  await settled();
  await t.invoke(t.spec({ account: '222222222222' }));
  const active = t.fleet.view().instances.filter(({ pool }) => pool === 'active');
  assert.deepEqual(new Set(active.map(({ account }) => account)), new Set(['111111111111', '222222222222']));
  assert.equal(active.length, 2);
});

test('a request without room waits for a sandbox of its function, and is refused after its time (L8)', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler }, maxMemoryMb: 1024 });
  const spec = t.spec({ memoryMb: 1024, timeoutMs: 900_000 });
  const first = t.invoke(spec, '1');
  await settled();
  const second = t.invoke(spec, '2');
  await settled();
  assert.equal(t.fleet.stats().waiting, 1);
  open();
  assert.equal((await first).payload.toString(), '1');
  await settled();
  const third = t.invoke(spec, '3');
  t.clock.advance(30_000);
  await assert.rejects(third, { code: 'TooManyRequestsException', reason: 'ConcurrentInvocationLimitExceeded' });
  open();
  const outcome = await second;
  assert.equal(outcome.payload.toString(), '2');
  assert.equal(outcome.startPath, 'warm');
});

test('idle sandboxes make room for a request that would wait', async () => {
  await using t = new TestFleet({ maxMemoryMb: 1024 });
  for (const freezer of t.provider.freezers.values()) freezer.usedMb = 100;
  await settled();
  for (let index = 0; index < 8; index++) {
    await t.invoke(t.spec({ functionName: `f${index}` }));
    t.clock.advance(5);
    await settled();
    for (const freezer of t.provider.freezers.values()) freezer.usedMb = 100;
  }
  const outcome = await t.invoke(t.spec({ functionName: 'large', memoryMb: 512 }));
  assert.equal(outcome.functionError, undefined);
  assert.ok(t.fleet.stats().instances.length > 0);
  const names = sandboxesOf(t).map((sandbox) => sandbox.function);
  assert.ok(names.includes('f7') && !names.includes('f0'), `the oldest go first: ${names.join(' ')}`);
});

test("another account's idle instance makes room when nothing else can", async () => {
  await using t = new TestFleet({ maxMemoryMb: 1024 });
  await t.invoke(t.spec({ account: '111111111111' }));
  const outcome = await t.invoke(t.spec({ account: '222222222222' }), '2');
  assert.equal(outcome.payload.toString(), '2');
});

test('a function larger than an instance of the pool gets one of its own size', async () => {
  await using t = new TestFleet();
  const outcome = await t.invoke(t.spec({ memoryMb: 2048 }), '1');
  assert.equal(outcome.payload.toString(), '1');
  assert.ok(t.fleet.view().instances.some(({ memory }) => memory.total === 2048 * MB));
  await assert.rejects(t.invoke(t.spec({ functionName: 'huge', memoryMb: 10_240 })), {
    code: 'InvalidParameterValueException',
  });
});

test('sandboxes of a function that has changed end, those at work when they have finished', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler } });
  const spec = t.spec();
  const [first, second] = [t.invoke(spec, '1'), t.invoke(spec, '2')];
  await settled();
  open(1);
  await first;
  t.fleet.retire(spec);
  await settled();
  assert.equal(sandboxesOf(t).length, 1);
  open();
  assert.equal((await second).payload.toString(), '2');
  await settled();
  assert.equal(sandboxesOf(t).length, 0);
});

test('a lost instance ends what ran on it, and is replaced', async () => {
  const { handler, open } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler } });
  const spec = t.spec();
  const running = t.invoke(spec);
  await settled();
  [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.size > 0)!.kill();
  assert.match((await running).payload.toString(), /Runtime\.ExitError/);
  const again = t.invoke(spec, '2');
  await settled();
  open();
  assert.equal((await again).payload.toString(), '2');
});

test('an agent that does not end a sandbox loses its instance', async () => {
  const { handler } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler } });
  const running = t.invoke(t.spec());
  await settled();
  const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.size > 0)!;
  agent.stuck = true;
  t.clock.advance(3_000);
  await running;
  t.clock.advance(15_000);
  await settled();
  assert.equal(t.fleet.view().instances.filter(({ pool }) => pool === 'active').length, 0);
});

test('a slot whose cgroup is broken costs its sandbox, not the server', async () => {
  await using t = new TestFleet();
  const spec = t.spec();
  await t.invoke(spec);
  for (const freezer of t.provider.freezers.values()) freezer.broken.add(0).add(1).add(2);
  t.clock.advance(5);
  await settled();
  assert.equal(sandboxesOf(t).length, 0);
  for (const freezer of t.provider.freezers.values()) freezer.broken.clear();
  assert.equal((await t.invoke(spec, '1')).payload.toString(), '1');
});

test('where no instance can be made a caller is told why, at once', async () => {
  await using t = new TestFleet({ warmInstances: 0 });
  t.provider.failures = 1;
  await assert.rejects(t.invoke(t.spec()), { code: 'ServiceException', message: /this machine makes no instances/ });
  t.clock.advance(1_000);
  assert.equal((await t.invoke(t.spec(), '1')).payload.toString(), '1');
});

test('code that cannot be had is said in the error', async () => {
  await using t = new TestFleet();
  const spec = { ...t.spec(), code: { sha256: 'f'.repeat(64), size: 1 } };
  await assert.rejects(t.invoke(spec), { code: 'ServiceException', message: /the account has no such code/ });
  await settled();
  assert.equal(sandboxesOf(t).length, 0);
});

test('a package that cannot be unpacked is told as AWS tells it, and not tried again', async () => {
  await using t = new TestFleet();
  await settled();
  const agent = [...t.provider.agents.values()][0]!;
  agent.stuck = true;
  const answer = assert.rejects(t.invoke(t.spec()), {
    code: 'InvalidZipFileException',
    message: 'Lambda could not unzip the deployment package: index.mjs is damaged',
  });
  await settled();
  const placed = agent.received.filter((message) => message.type === 'place');
  assert.equal(placed.length, 1);
  const { sandbox } = placed[0]!;
  const reason = 'index.mjs is damaged';
  agent.send({ type: 'lost', sandbox, reason, exit: null, maxMemoryMb: 0, brokenPackage: true });
  await answer;
  assert.equal(agent.received.filter((message) => message.type === 'place').length, 1);
});

test('who would have to wait for code to be fetched gets a sandbox that becomes free before; the new one is loaded all the same', async () => {
  const { handler, open, waiting } = gate();
  await using t = new TestFleet({ handlers: { 'index.handler': handler }, warmInstances: 2, instanceMemoryMb: 256 });
  const spec = t.spec({ memoryMb: 256 });
  const first = t.invoke(spec);
  await settled();
  const fetched = Promise.withResolvers<void>();
  t.code.held = fetched.promise;
  // The instance of the first is full: another one has to get the code.
  const second = t.invoke(spec);
  await settled();
  assert.equal(waiting(), 1);
  open();
  await first;
  await settled();
  assert.equal(waiting(), 1, 'the second runs where the first has run');
  open();
  assert.equal((await second).startPath, 'warm');
  fetched.resolve();
  await settled();
  assert.deepEqual(
    sandboxesOf(t).map(({ state }) => state),
    ['idle', 'idle'],
  );
  const both = [t.invoke(spec), t.invoke(spec)];
  await settled();
  open();
  for (const { startPath } of await Promise.all(both)) assert.equal(startPath, 'warm');
});
