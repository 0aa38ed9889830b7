import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeHandler, FakeSandbox } from '../instances/testing/fake-agent.ts';
import type { FleetOptions } from '../invoke/fleet.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';

/** A function whose invocations end when the test says so. */
class Held {
  /** Events of what has begun and not ended, in order. */
  readonly running: string[] = [];
  readonly #open: (() => void)[] = [];

  readonly handler: FakeHandler = (event) =>
    new Promise((resolve) => {
      this.running.push(event.toString());
      this.#open.push(() => resolve(event));
    });

  async endOne(): Promise<void> {
    this.running.shift();
    this.#open.shift()?.();
    await settled();
  }
}

/** A function that is given a whole processor, and a fleet with room for many of them. */
const LARGE = { memoryMb: 1769 };
const ROOM = { instanceMemoryMb: 32_768, maxMemoryMb: 131_072 };

/** A fleet on one processor that has seen so many invocations of its function, all of them quick. */
async function seen(count: number, handler: FakeHandler, options: Partial<FleetOptions> = {}): Promise<TestFleet> {
  let known = false;
  const t = new TestFleet({
    processors: 1,
    ...ROOM,
    ...options,
    handlers: { 'index.handler': (event, context) => (known ? handler(event, context) : event) },
  });
  for (let done = 0; done < count; done++) await t.invoke(t.spec(LARGE));
  known = true;
  return t;
}

/** Enough to be quick, and enough to be relied on. */
const QUICK = 10;
const STEADY = 110;

const sandboxes = (t: TestFleet): number => t.fleet.view().instances.flatMap((instance) => instance.sandboxes).length;

async function turns(t: TestFleet, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    t.clock.advance(5);
    await settled();
  }
}

for (const [name, count] of Object.entries({ quick: QUICK, steady: STEADY })) {
  test(`requests of a ${name} function wait for the busy sandbox, and each gets it in turn`, async () => {
    const held = new Held();
    await using t = await seen(count, held.handler);
    const answers = Array.from({ length: 20 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
    await settled();
    for (const [index, answer] of answers.entries()) {
      assert.deepEqual(held.running, [String(index)]);
      await held.endOne();
      assert.equal((await answer).payload.toString(), String(index));
    }
    assert.equal(sandboxes(t), 1);
    assert.deepEqual(
      [...t.records.records.values()].filter(({ status }) => status !== 'succeeded'),
      [],
    );
  });
}

test('a line that does not move is given more sandboxes after 20 ms, a few at first', async () => {
  const held = new Held();
  await using t = await seen(QUICK, held.handler);
  const answers = Array.from({ length: 8 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  await turns(t, 3);
  assert.equal(held.running.length, 1);
  for (const running of [2, 4, 8]) {
    await turns(t, 1);
    assert.equal(held.running.length, running);
  }
  while (held.running.length > 0) await held.endOne();
  await Promise.all(answers);
});

test('of a small function more sandboxes may be busy, since each is given little of a processor', async () => {
  const held = new Held();
  await using t = await seen(QUICK, held.handler);
  const spec = t.spec({ memoryMb: 128 });
  const answers = Array.from({ length: 20 }, (_, n) => t.invoke(spec, String(n)));
  await settled();
  // 128 MB are worth 0.072 processors; seven of them half a processor.
  assert.equal(held.running.length, 7);
  while (held.running.length > 0) await held.endOne();
  await Promise.all(answers);
});

test('a line that moves is left alone', async () => {
  const held = new Held();
  await using t = await seen(QUICK, held.handler);
  const answers = Array.from({ length: 50 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  // Four turns at this pace are enough for all.
  while (held.running.length > 0) {
    for (let ended = 0; ended < 13; ended++) await held.endOne();
    await turns(t, 1);
  }
  await Promise.all(answers);
  assert.equal(sandboxes(t), 1);
});

test('after a pause of the server itself nobody is sent away: answers may be there that nobody has read', async () => {
  const held = new Held();
  await using t = await seen(QUICK, held.handler);
  const answers = [1, 2].map((n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  for (let pause = 0; pause < 10; pause++) {
    t.clock.pause(100);
    await settled();
  }
  assert.equal(held.running.length, 1);
  await held.endOne();
  await held.endOne();
  await Promise.all(answers);
});

test('what was sent ahead to a sandbox that is stuck is taken back, and runs elsewhere, once', async () => {
  const held = new Held();
  await using t = await seen(STEADY, held.handler);
  const answers = Array.from({ length: 4 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  assert.deepEqual(held.running, ['0']);
  await turns(t, 6);
  assert.ok(held.running.length > 1, 'nothing was taken back');
  await turns(t, 4);
  assert.deepEqual(held.running.toSorted(), ['0', '1', '2', '3']);
  while (held.running.length > 0) await held.endOne();
  const payloads = (await Promise.all(answers)).map(({ payload }) => payload.toString());
  assert.deepEqual(payloads, ['0', '1', '2', '3']);
});

test('while a sandbox is stuck others are taken at once, after the first that has waited for it', async () => {
  const held = new Held();
  await using t = await seen(STEADY, (event, context) =>
    event.toString() === 'long' ? held.handler(event, context) : event,
  );
  const long = t.invoke(t.spec(LARGE), 'long');
  const first = t.invoke(t.spec(LARGE));
  await turns(t, 10);
  await first;
  // Were it to wait, it would do so for ever: no time passes.
  for (let count = 0; count < 5; count++) await t.invoke(t.spec(LARGE));
  await held.endOne();
  await long;
});

test('what was sent ahead to a sandbox that dies runs elsewhere; only what it executed fails', async () => {
  const held = new Held();
  const begun: string[] = [];
  let victim: FakeSandbox | undefined;
  await using t = await seen(STEADY, (event, context) => {
    begun.push(event.toString());
    victim ??= context.sandbox;
    return held.handler(event, context);
  });
  const answers = Array.from({ length: 4 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  [...t.provider.agents.values()]
    .find((agent) => agent.sandboxes.has(victim!.id))!
    .exit(victim!, { code: 1, signal: null, outOfMemory: false });
  await settled();
  held.running.shift();
  await held.endOne();
  for (let count = 0; count < 10; count++) {
    await turns(t, 1);
    await held.endOne();
  }
  const outcomes = await Promise.all(answers);
  assert.deepEqual(
    outcomes.map(({ functionError }) => functionError),
    ['Unhandled', undefined, undefined, undefined],
  );
  assert.deepEqual(begun.toSorted(), ['0', '1', '2', '3']);
});

test('the time-out of an invocation sent ahead counts from when it begins', async () => {
  const held = new Held();
  await using t = await seen(STEADY, held.handler);
  const spec = t.spec({ ...LARGE, timeoutMs: 1000 });
  const first = t.invoke(spec, '0');
  const second = t.invoke(spec, '1');
  await settled();
  for (let pause = 0; pause < 9; pause++) t.clock.advance(100);
  await held.endOne();
  await first;
  for (let pause = 0; pause < 9; pause++) t.clock.advance(100);
  await settled();
  await held.endOne();
  assert.equal((await second).functionError, undefined);
});

test('an event of some size is not sent ahead, and waits for its turn all the same', async () => {
  const held = new Held();
  await using t = await seen(STEADY, held.handler);
  const events = ['"first"', JSON.stringify('x'.repeat(100_000)), '"last"'];
  const answers = events.map((event) => t.invoke(t.spec(LARGE), event));
  await settled();
  for (const [index, answer] of answers.entries()) {
    await settled();
    await held.endOne();
    assert.equal((await answer).payload.toString(), events[index]);
  }
  assert.equal(sandboxes(t), 1);
});

test('nobody waits for a function that is not quick', async () => {
  const held = new Held();
  await using t = new TestFleet({ processors: 1, ...ROOM, handlers: { 'index.handler': held.handler } });
  for (let count = 0; count < 2; count++) {
    const answer = t.invoke(t.spec(LARGE));
    await settled();
    t.clock.advance(50);
    await held.endOne();
    await answer;
  }
  const answers = [1, 2, 3].map(() => t.invoke(t.spec(LARGE)));
  await settled();
  assert.equal(held.running.length, 3);
  while (held.running.length > 0) await held.endOne();
  await Promise.all(answers);
});

test('while the first sandbox of a new function is on its way, the others wait for it up to 100 ms', async () => {
  const started: string[] = [];
  await using t = new TestFleet({
    processors: 1,
    ...ROOM,
    handlers: { 'index.handler': (event) => event },
    hangingInits: new Set(['slow.handler']),
  });
  const spec = t.spec({ ...LARGE, handler: 'slow.handler' });
  for (let count = 0; count < 3; count++) void t.invoke(spec).catch(() => started.push('refused'));
  await settled();
  await turns(t, 19);
  assert.equal(sandboxes(t), 1);
  await turns(t, 6);
  assert.ok(sandboxes(t) > 1, 'nobody got another');
});

/** Has the sandbox's first process end, as its agent tells it. */
function exit(t: TestFleet, sandbox: FakeSandbox, code: number): void {
  const agents = [...t.provider.agents.values()];
  agents.find((agent) => agent.sandboxes.has(sandbox.id))!.exit(sandbox, { code, signal: null, outOfMemory: false });
}

test('what was sent ahead to a sandbox that dies of the invocation before it is answered by another', async () => {
  const { promise, reject } = Promise.withResolvers<Buffer>();
  let crashed: FakeSandbox | undefined;
  await using t = await seen(STEADY, (event, { sandbox }) => {
    crashed ??= sandbox;
    if (event.toString() === '0') return promise;
    return sandbox === crashed ? new Promise<never>(() => {}) : event;
  });
  const answers = ['0', '1'].map((event) => t.invoke(t.spec(LARGE), event));
  await settled();
  reject(new Error('nobody catches it'));
  await settled();
  exit(t, crashed!, 129);
  await turns(t, 10);
  // Long after its time-out.
  t.clock.advance(60_000);
  assert.equal((await answers[0]!).functionError, 'Unhandled');
  assert.equal((await answers[1]!).payload.toString(), '1');
});

test('a sandbox whose function has changed finishes what was sent to it ahead: nothing runs twice', async () => {
  const held = new Held();
  const begun: string[] = [];
  await using t = await seen(STEADY, (event, context) => {
    begun.push(event.toString());
    return held.handler(event, context);
  });
  const answers = Array.from({ length: 12 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  t.fleet.retire(t.spec(LARGE));
  for (let count = 0; count < 12; count++) await held.endOne();
  assert.deepEqual(
    begun,
    answers.map((_, n) => String(n)),
  );
  await Promise.all(answers);
  assert.equal(sandboxes(t), 0);
});

test('P8: a sandbox whose credentials grow old finishes what was sent to it ahead, and what comes after runs elsewhere', async () => {
  const held = new Held();
  const begun: string[] = [];
  const handler: FakeHandler = (event, context) => {
    begun.push(event.toString());
    return held.handler(event, context);
  };
  let given = 0;
  const credentialsFor = () => ({ accessKeyId: `ASIA${++given}`, secretAccessKey: 's', sessionToken: 't' });
  await using t = await seen(STEADY, handler, { ahead: 8, renewAfterMs: 1000, credentialsFor });
  t.clock.advance(999);
  const answers = Array.from({ length: 12 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  assert.equal(given, 1);
  t.clock.advance(1);
  for (let count = 0; count < 9; count++) await held.endOne();
  assert.deepEqual(
    begun.slice(0, 9),
    answers.slice(0, 9).map((_, n) => String(n)),
  );
  for (let count = 0; count < 3; count++) await held.endOne();
  await Promise.all(answers);
  assert.equal(begun.length, 12);
  assert.ok(given > 1);
});

test('whoever was sent ahead when the fleet stops is told so', async () => {
  const held = new Held();
  await using t = await seen(STEADY, held.handler, { drainMs: 0 });
  const answers = Array.from({ length: 4 }, (_, n) => t.invoke(t.spec(LARGE), String(n)));
  await settled();
  let told = 0;
  for (const answer of answers) void answer.catch(() => {}).finally(() => told++);
  const stopped = t.fleet[Symbol.asyncDispose]();
  t.clock.advance(0);
  await stopped;
  await settled();
  assert.equal(told, 4);
});

test('a request that waits for room is not passed by those in line for ever', async () => {
  const held = new Held();
  await using t = new TestFleet({
    processors: 2,
    maxMemoryMb: 1024,
    handlers: { 'index.handler': (event, context) => (known ? held.handler(event, context) : event) },
  });
  let known = false;
  const spec = t.spec({ ...LARGE, memoryMb: 1024 });
  for (let done = 0; done < STEADY; done++) await t.invoke(spec);
  known = true;
  const first = t.invoke(spec, '0');
  const second = t.invoke(spec, 'waits for room');
  const others = Array.from({ length: 20 }, (_, n) => t.invoke(spec, String(n)));
  for (let count = 0; count < 3 && held.running[0] !== 'waits for room'; count++) {
    await settled();
    await held.endOne();
  }
  assert.equal(held.running[0], 'waits for room');
  while (held.running.length > 0) await held.endOne();
  await Promise.all([first, second, ...others]);
});

test('another function that waits for room gets it when what was sent ahead has ended: nothing runs twice', async () => {
  const held = new Held();
  const begun: string[] = [];
  await using t = new TestFleet({
    processors: 1,
    maxMemoryMb: 1024,
    handlers: {
      'index.handler': (event, context) => {
        if (!known) return event;
        begun.push(event.toString());
        return held.handler(event, context);
      },
      'other.handler': (event) => event,
    },
  });
  let known = false;
  const spec = t.spec({ ...LARGE, memoryMb: 1024 });
  for (let done = 0; done < STEADY; done++) await t.invoke(spec);
  known = true;
  const answers: Promise<unknown>[] = [];
  let answered = 0;
  const invoke = (): void => void answers.push(t.invoke(spec, String(answers.length)).finally(() => answered++));
  for (let count = 0; count < 4; count++) invoke();
  const served: unknown[] = [];
  const other = t.invoke(t.spec({ ...LARGE, functionName: 'other', handler: 'other.handler', memoryMb: 1024 }));
  void other.then((outcome) => served.push(outcome));
  // There are always some in line.
  for (let count = 0; count < 2000 && served.length === 0; count++) {
    t.clock.advance(0.9);
    invoke();
    await held.endOne();
  }
  assert.equal(served.length, 1, 'the other function never got its turn');
  while (answered < answers.length) {
    t.clock.advance(0.9);
    await held.endOne();
  }
  await Promise.all(answers);
  assert.equal(new Set(begun).size, begun.length);
});
