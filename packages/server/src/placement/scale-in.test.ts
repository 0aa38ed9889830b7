import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, TestFleet } from '../invoke/testing/test-fleet.ts';
import type { TestFleetOptions } from '../invoke/testing/test-fleet.ts';
import type { FunctionSpec } from '@hearth/protocol';

/** A fleet whose invocations end when the test says so. Instances of 1 GB; functions of 384 MB, two of which fit. */
class Fixture extends TestFleet {
  readonly #held: { readonly sandbox: string; readonly respond: () => void }[] = [];

  constructor(options: TestFleetOptions = {}) {
    super({ maxMemoryMb: 8192, ...options });
    this.handlers['index.handler'] = (event, { sandbox }) =>
      new Promise((resolve) => this.#held.push({ sandbox: sandbox.id, respond: () => resolve(event) }));
  }

  get active() {
    return this.fleet.view().instances.filter(({ pool }) => pool === 'active');
  }

  instance(id: string) {
    return this.active.find((instance) => instance.id === id);
  }

  /** Ids of the instances that these invocations run on, in their order. */
  async start(specs: readonly FunctionSpec[]): Promise<string[]> {
    const before = this.#held.length;
    for (const spec of specs) void this.invoke(spec).then(() => this.ended++);
    await this.settle();
    return this.#held.slice(before).map(({ sandbox }) => this.#instanceOf(sandbox));
  }

  ended = 0;

  /** Ends the first invocation that runs on an instance. */
  async end(instance: string): Promise<void> {
    const index = this.#held.findIndex(({ sandbox }) => this.#instanceOf(sandbox) === instance);
    assert.ok(index >= 0, `nothing runs on ${instance}`);
    this.#held.splice(index, 1)[0]!.respond();
    await this.settle();
  }

  async endAll(): Promise<void> {
    for (const { respond } of this.#held.splice(0)) respond();
    await this.settle();
  }

  /** Instances boot and are replaced. */
  async settle(): Promise<void> {
    await settled();
    this.clock.advance(100);
    await settled();
  }

  /** Time passes in steps short enough for anything to happen between them. */
  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 5_000) {
      this.clock.advance(5_000);
      await settled();
    }
  }

  #instanceOf(sandbox: string): string {
    return this.active.find(({ sandboxes }) => sandboxes.some(({ id }) => id === sandbox))?.id ?? '';
  }
}

const spec = (t: Fixture, name: string, memoryMb = 384) => t.spec({ functionName: name, memoryMb, timeoutMs: 900_000 });

/** Two instances of an account, of which the second runs one invocation less; returned with the one that is marked. */
async function marked(t: Fixture) {
  const f = spec(t, 'f');
  const instances = new Set(await t.start([f, f, f, f]));
  for (const instance of instances) await t.end(instance);
  assert.equal(t.active.length, 2);
  // The troughs of a load don't count: for a minute all that ran counts as if it did, and then it must stay so for another.
  await t.pass(110_000);
  assert.deepEqual(
    t.active.map(({ state }) => state),
    ['active', 'active'],
  );
  await t.pass(20_000);
  const drained = t.active.find(({ state }) => state === 'draining');
  assert.ok(drained !== undefined, 'one takes no more work');
  const kept = t.active.find(({ state }) => state === 'active');
  assert.ok(kept !== undefined, 'the other does');
  return { f, drained: drained.id, kept: kept.id };
}

test('an account whose instances are half empty gives one back, though it executes (A5, A6)', async () => {
  await using t = new Fixture();
  const { drained } = await marked(t);
  assert.deepEqual(
    t
      .instance(drained)!
      .sandboxes.map(({ state }) => state)
      .toSorted(),
    ['executing', 'idle'],
  );
  await t.endAll();
});

test('a marked instance gets no new work, even if it alone has room and an idle sandbox (A7)', async () => {
  await using t = new Fixture();
  const { f, drained, kept } = await marked(t);
  const [third] = await t.start([f]);
  assert.equal(third, kept, 'the idle sandbox of the other');
  const [fourth] = await t.start([f]);
  assert.ok(fourth !== drained && fourth !== kept, 'another instance rather than the room of the marked one');
  const [fifth] = await t.start([spec(t, 'small', 128)]);
  assert.notEqual(fifth, drained);
  await t.endAll();
});

test('a marked instance ends with its last execution, and none is cut (A8, Z1)', async () => {
  await using t = new Fixture();
  const { drained, kept } = await marked(t);
  await t.pass(300_000);
  assert.equal(t.instance(drained)!.state, 'draining', 'as long as it executes');
  assert.equal(t.ended, 2);
  await t.end(drained);
  assert.equal(t.ended, 3);
  assert.equal(t.instance(drained), undefined);
  assert.equal(t.instance(kept)!.state, 'active');
  await t.end(kept);
  assert.equal(t.ended, 4);
  assert.equal(t.provider.agents.has(drained), false);
});

test('what only the marked instance had loaded is loaded on another before (A6)', async () => {
  await using t = new Fixture();
  const [f, g] = [spec(t, 'f'), spec(t, 'g')];
  const [first] = await t.start([f, f]);
  const [second] = await t.start([g]);
  assert.notEqual(first, second);
  await t.endAll();
  await t.pass(130_000);
  assert.equal(t.active.length, 1, 'an instance that executes nothing ends at once');
  const running = t.invoke(g);
  await t.settle();
  await t.endAll();
  assert.equal((await running).startPath, 'warm');
});

test('where that fails the instance goes on (A6)', async () => {
  await using t = new Fixture();
  const [f, g] = [spec(t, 'f'), spec(t, 'g')];
  await t.start([f, f]);
  await t.start([g]);
  await t.endAll();
  t.code.failures = 100;
  await t.pass(130_000);
  const states = t.active.map(({ state }) => state);
  assert.deepEqual(states, ['active', 'active']);
  assert.match(t.serverLog.join('\n'), /goes on/);
});

test('instances that are needed stay: no share of them is marked whose work had no room on the others (A6)', async () => {
  await using t = new Fixture();
  const f = spec(t, 'f', 700);
  await t.start([f, f, f]);
  await t.pass(600_000);
  assert.deepEqual(
    t.active.map(({ state }) => state),
    ['active', 'active', 'active'],
  );
  await t.endAll();
});

test('with scaleInBelow 0 instances stay until they are empty', async () => {
  await using t = new Fixture({ scaleInBelow: 0 });
  const f = spec(t, 'f');
  const instances = new Set(await t.start([f, f, f, f]));
  for (const instance of instances) await t.end(instance);
  await t.pass(300_000);
  assert.deepEqual(
    t.active.map(({ state }) => state),
    ['active', 'active'],
  );
  await t.endAll();
});
