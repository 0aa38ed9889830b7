/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import type { FakeHandler } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { TestFleetOptions } from '../invoke/testing/test-fleet.ts';

const KEPT = 'provisioned concurrency';
const TEN_MINUTES = 10 * 60_000;

/** Answers with what it was initialised for; `"held"` waits until the test lets it go. */
class Subject {
  readonly held: (() => void)[] = [];

  readonly handler: FakeHandler = (event, { init }) => {
    const answer = Buffer.from(JSON.stringify(init.environment['AWS_LAMBDA_INITIALIZATION_TYPE']));
    if (event.toString() !== '"held"') return answer;
    return new Promise((resolve) => this.held.push(() => resolve(answer)));
  };
}

function fleet(subject: Subject, options: TestFleetOptions = {}): TestFleet {
  return new TestFleet({ handlers: { 'index.handler': subject.handler }, ...options });
}

function published(t: TestFleet, version: string, more: Partial<FunctionSpec> = {}): FunctionSpec {
  return t.spec({ version, key: `111111111111/f/${version}`, timeoutMs: 60_000, ...more });
}

const sandboxesOf = (t: TestFleet, { version }: FunctionSpec) =>
  t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes.filter((one) => one.version === version));

const keptOf = (t: TestFleet, spec: FunctionSpec) =>
  sandboxesOf(t, spec).filter(({ keptFor }) => keptFor === KEPT).length;

async function pass(t: TestFleet, milliseconds: number): Promise<void> {
  t.clock.advance(milliseconds);
  await settled();
}

/** Lets what is to end one after the other end. */
async function drained(t: TestFleet): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await pass(t, 10);
}

async function answerOf(invocation: ReturnType<TestFleet['invoke']>): Promise<[string, string]> {
  const { payload, startPath } = await invocation;
  return [JSON.parse(payload.toString()) as string, startPath];
}

test('the first invocations find sandboxes that are initialised: no init is in their way, and their environment says what they are (D5, T12, T13)', async () => {
  const subject = new Subject();
  await using t = fleet(subject);
  const spec = published(t, '1');
  t.fleet.provision(spec, 3);
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 0, failure: undefined });
  await settled();
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 3, failure: undefined });
  assert.deepEqual(
    sandboxesOf(t, spec).map(({ state, keptFor }) => [state, keptFor]),
    Array.from({ length: 3 }, () => ['idle', KEPT]),
  );
  const first = [1, 2, 3].map(() => t.invoke(spec, '"held"'));
  await settled();
  assert.equal(subject.held.length, 3);
  for (const open of subject.held) open();
  for (const one of first) assert.deepEqual(await answerOf(one), ['provisioned-concurrency', 'warm']);
  assert.equal([...t.records.records.values()][0]!.reason, `kept ready: ${KEPT}`);
});

test('beyond what is provisioned, invocations run on demand; those sandboxes age as any other, the kept ones do not', async () => {
  const subject = new Subject();
  await using t = fleet(subject);
  const spec = published(t, '1');
  t.fleet.provision(spec, 2);
  await settled();
  const all = [1, 2, 3].map(() => t.invoke(spec, '"held"'));
  await settled();
  for (const open of subject.held) open();
  const answers = await Promise.all(all.map((one) => answerOf(one)));
  assert.deepEqual(answers.map(([type]) => type).sort(), [
    'on-demand',
    'provisioned-concurrency',
    'provisioned-concurrency',
  ]);
  await settled();
  // The one on demand became idle last, and still those that are kept come first.
  for (let turn = 0; turn < 4; turn++) {
    assert.deepEqual(await answerOf(t.invoke(spec)), ['provisioned-concurrency', 'warm']);
  }
  await pass(t, 5);
  await pass(t, TEN_MINUTES);
  await drained(t);
  assert.equal(sandboxesOf(t, spec).length, 2);
  assert.equal(keptOf(t, spec), 2);
});

test('one that dies is replaced, whatever it did', async () => {
  const subject = new Subject();
  await using t = fleet(subject);
  const spec = published(t, '1');
  t.fleet.provision(spec, 2);
  await settled();
  const running = t.invoke(spec, '"held"');
  await settled();
  const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.size > 0)!;
  const executing = t.fleet
    .view()
    .instances.flatMap(({ sandboxes }) => sandboxes.filter((one) => one.state === 'executing'));
  agent.exit(agent.sandboxes.get(executing[0]!.id)!, { code: 1, signal: null, outOfMemory: false });
  assert.equal((await running).functionError, 'Unhandled');
  await settled();
  assert.equal(t.fleet.provisionedState(spec).ready, 2);
  // Its instance, with both of them.
  agent.kill();
  await settled();
  for (let second = 0; second < 5; second++) await pass(t, 1_000);
  assert.equal(t.fleet.provisionedState(spec).ready, 2);
  assert.deepEqual(await answerOf(t.invoke(spec)), ['provisioned-concurrency', 'warm']);
});

test('they hold their memory: nobody else gets it, and they can always be woken', async () => {
  const subject = new Subject();
  // One instance, and room for eight.
  await using t = fleet(subject, { warmInstances: 1, maxMemoryMb: 1024, waitMs: 5_000 });
  const spec = published(t, '1');
  t.fleet.provision(spec, 4);
  await settled();
  await pass(t, 1_000);
  assert.equal(t.fleet.view().instances.find(({ pool }) => pool === 'active')!.memory.committed, 512 << 20);
  const other = published(t, '9', { key: '111111111111/g/9', functionName: 'g' });
  const others = Array.from({ length: 5 }, () => t.invoke(other, '"held"'));
  const refused = assert.rejects(others[4]!, { code: 'TooManyRequestsException' });
  await settled();
  await pass(t, 5_001);
  await refused;
  assert.equal(keptOf(t, spec), 4);
  const mine = Array.from({ length: 4 }, () => t.invoke(spec, '"held"'));
  await settled();
  for (const open of subject.held) open();
  for (const one of mine) assert.deepEqual(await answerOf(one), ['provisioned-concurrency', 'warm']);
});

test('another account in need does not take an instance that holds kept sandboxes', async () => {
  const subject = new Subject();
  await using t = fleet(subject, { warmInstances: 1, maxMemoryMb: 1024, waitMs: 5_000 });
  const spec = published(t, '1');
  t.fleet.provision(spec, 1);
  await settled();
  const stranger = t.invoke(t.spec({ account: '222222222222', key: 'stranger' }));
  const refused = assert.rejects(stranger, { code: 'TooManyRequestsException' });
  await pass(t, 5_001);
  await refused;
  assert.equal(t.fleet.provisionedState(spec).ready, 1);
});

test('fewer give back the surplus, and none gives back all; what executes ends first', async () => {
  const subject = new Subject();
  await using t = fleet(subject);
  const spec = published(t, '1');
  t.fleet.provision(spec, 4);
  await settled();
  const running = t.invoke(spec, '"held"');
  await settled();
  t.fleet.provision(spec, 2);
  await drained(t);
  assert.equal(sandboxesOf(t, spec).length, 2);
  t.fleet.provision(spec, 0);
  await drained(t);
  assert.deepEqual(
    sandboxesOf(t, spec).map(({ state, keptFor }) => [state, keptFor]),
    [['executing', null]],
  );
  subject.held[0]!();
  assert.deepEqual(await answerOf(running), ['provisioned-concurrency', 'warm']);
  await drained(t);
  assert.equal(sandboxesOf(t, spec).length, 0);
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 0, failure: undefined });
});

test('a version that is deleted gives back what it has, also what is on its way', async () => {
  const hanging = new Set(['index.handler']);
  await using t = fleet(new Subject(), { hangingInits: hanging });
  const spec = published(t, '1');
  t.fleet.provision(spec, 2);
  await settled();
  assert.equal(sandboxesOf(t, spec).length, 2);
  t.fleet.retire(spec);
  await settled();
  assert.equal(sandboxesOf(t, spec).length, 0);
});

test('an init may take 130 seconds, or as long as an invocation if that is longer', async () => {
  await using t = fleet(new Subject(), { hangingInits: new Set(['index.handler']) });
  const [short, long] = [published(t, '1'), published(t, '2', { timeoutMs: 200_000 })];
  for (const spec of [short, long]) t.fleet.provision(spec, 1);
  await settled();
  await pass(t, 129_999);
  assert.equal(t.fleet.provisionedState(short).failure, undefined);
  await pass(t, 1);
  assert.equal(t.fleet.provisionedState(short).failure, 'FUNCTION_ERROR_INIT_FAILURE');
  await pass(t, 69_999);
  assert.equal(t.fleet.provisionedState(long).failure, undefined);
  await pass(t, 1);
  assert.equal(t.fleet.provisionedState(long).failure, 'FUNCTION_ERROR_INIT_FAILURE');
});

test('a function that can’t be loaded is tried again after a while, and says why it isn’t there', async () => {
  const subject = new Subject();
  await using t = fleet(subject, { handlers: {} });
  const spec = published(t, '1', { handler: 'broken.handler' });
  t.fleet.provision(spec, 1);
  await settled();
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 0, failure: 'FUNCTION_ERROR_INIT_FAILURE' });
  const tries = () => t.logs.text().split('INIT_START').length - 1;
  assert.equal(tries(), 1);
  await pass(t, 999);
  assert.equal(tries(), 1);
  await pass(t, 1);
  assert.equal(tries(), 2);
  await pass(t, 1_999);
  assert.equal(tries(), 2);
  t.handlers['broken.handler'] = subject.handler;
  await pass(t, 1);
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 1, failure: undefined });
});

test('where there is no room it is said, and what has come is kept; with room the rest comes', async () => {
  const subject = new Subject();
  await using t = fleet(subject, { warmInstances: 1, maxMemoryMb: 1024, waitMs: 5_000 });
  const other = published(t, '9', { key: '111111111111/g/9', functionName: 'g', memoryMb: 512 });
  const running = t.invoke(other, '"held"');
  await settled();
  const spec = published(t, '1');
  t.fleet.provision(spec, 6);
  await settled();
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 4, failure: undefined });
  await pass(t, 5_001);
  const { ready, failure } = t.fleet.provisionedState(spec);
  assert.equal(ready, 4);
  assert.match(failure!, /No room for 128 MB became free/);
  subject.held[0]!();
  await running;
  for (let second = 0; second < 3; second++) await pass(t, 1_000);
  assert.deepEqual(t.fleet.provisionedState(spec), { ready: 6, failure: undefined });
});

test('before its credentials grow old each is replaced by another, and never are there fewer', async () => {
  const subject = new Subject();
  await using t = fleet(subject, { renewAfterMs: 60_000 });
  const spec = published(t, '1');
  t.fleet.provision(spec, 3);
  await settled();
  const before = new Set(sandboxesOf(t, spec).map(({ id }) => id));
  t.clock.advance(60_000);
  for (let turn = 0; turn < 30; turn++) {
    assert.ok(t.fleet.provisionedState(spec).ready >= 3);
    await settled();
    t.clock.advance(10);
  }
  await drained(t);
  const after = sandboxesOf(t, spec).map(({ id }) => id);
  assert.equal(after.length, 3);
  assert.ok(after.every((id) => !before.has(id)));
});

test('its log says that it was initialised, the first report how long that took, and no invocation pays for it', async () => {
  await using t = fleet(new Subject());
  const spec = published(t, '1');
  t.fleet.provision(spec, 1);
  await settled();
  assert.match(t.logs.text(), /^INIT_START Runtime Version: /);
  await t.invoke(spec);
  await t.invoke(spec);
  const reports = t.logs
    .text()
    .split('\n')
    .filter((line) => line.startsWith('REPORT'));
  assert.match(reports[0]!, /Billed Duration: 0 ms.*Init Duration: \d+\.\d\d ms/);
  assert.doesNotMatch(reports[1]!, /Init Duration/);
});
