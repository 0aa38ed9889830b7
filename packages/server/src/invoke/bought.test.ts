import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import type { OverflowPolicy } from '../capacity/bought/overflow.ts';
import type { Purchase } from '../capacity/bought/purchase.ts';
import { purchaseOf } from '../capacity/bought/testing/subject.ts';
import { onCapacity } from '../functions/capacity-class.ts';
import type { Invocation, InvocationOutcome } from './invocation.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';
import type { TestFleetOptions } from './testing/test-fleet.ts';

const A = '111111111111';
const B = '222222222222';

/** An invocation that runs until the test lets it end. */
interface Held {
  readonly outcome: Promise<InvocationOutcome>;
  end(): Promise<void>;
  readonly pool: string;
  readonly reason: string;
}

/** A fleet whose accounts buy capacity: instances of 512 MB, of which a function takes all unless told otherwise. */
class Market implements AsyncDisposable {
  readonly #ends = new Map<string, () => void>();
  readonly functions = new Map<string, FunctionSpec>();
  readonly t: TestFleet;

  constructor(options: TestFleetOptions = {}) {
    this.t = new TestFleet({
      instanceMemoryMb: 512,
      maxMemoryMb: 4096,
      findFunction: (account, _region, name) => this.functions.get(`${account}/${name}`),
      handlers: {
        'index.handler': async (event, { meta }) => {
          if (event.toString() === '"held"')
            await new Promise<void>((resolve) => this.#ends.set(meta.requestId, resolve));
          return event;
        },
      },
      ...options,
    });
  }

  spec(account = A, overrides: Partial<FunctionSpec> = {}): FunctionSpec {
    const spec = this.t.spec({ account, memoryMb: 512, timeoutMs: 60_000, ...overrides });
    this.functions.set(`${account}/${spec.functionName}`, spec);
    return spec;
  }

  async buy(over: Partial<Purchase> = {}): Promise<Purchase> {
    const purchase = purchaseOf(over);
    this.t.fleet.capacity.bought.put(purchase);
    await settled();
    return purchase;
  }

  async choose(policy: OverflowPolicy, account = A): Promise<void> {
    this.t.fleet.capacity.bought.setPolicy({ account, policy });
    await settled();
  }

  subPool(purchase: Purchase) {
    return this.t.fleet.capacity.bought.subPoolOf(purchase);
  }

  /** Starts an invocation that goes on until it is ended. */
  async hold(spec: FunctionSpec): Promise<Held> {
    const invocation: Invocation = this.t.invocation(spec, '"held"');
    const outcome = this.t.fleet.invoke(invocation);
    outcome.catch(() => undefined);
    await settled();
    const record = this.t.records.records.get(invocation.requestId)!;
    return {
      outcome,
      get pool() {
        return record.pool;
      },
      get reason() {
        return [...(record.cold?.ladder ?? []).map(({ why }) => why), record.reason, record.error].join('; ');
      },
      end: async () => {
        this.#ends.get(invocation.requestId)?.();
        await settled();
      },
    };
  }

  /** In steps so short that an instance which is being made gets ready meanwhile. */
  async pass(milliseconds: number): Promise<void> {
    for (let rest = milliseconds; rest > 0; rest -= 4_000) {
      this.t.clock.advance(Math.min(rest, 4_000));
      await settled();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.values()) end();
    await this.t[Symbol.asyncDispose]();
  }
}

test('each instance is in one pool and sub-pool; what is bought waits in its own and comes back there (D1, D18)', async () => {
  await using m = new Market({ instanceKeepAliveMs: 60_000, sandboxKeepAliveMs: 30_000 });
  const purchase = await m.buy({ amount: 2 });
  const places = () =>
    m.t.fleet
      .view()
      .instances.map(({ pool, subPool, account }) => `${pool} ${subPool} ${account}`)
      .sort();
  const own = `dedicated/${purchase.id}`;
  const ready = `warming ${own} ${A}`;
  assert.deepEqual(places(), [ready, ready, 'warming general null'].sort());
  const held = await m.hold(m.spec());
  assert.deepEqual(places(), [`active ${own} ${A}`, ready, 'warming general null'].sort());
  const { instance } = [...m.t.records.records.values()].at(-1)!;
  await held.end();
  await m.pass(100_000);
  assert.deepEqual(places(), [ready, ready, 'warming general null'].sort());
  assert.ok(m.subPool(purchase).ready.some(({ id }) => id === instance));
  await (await m.hold(m.spec(A, { functionName: 'again' }))).end();
  await m.pass(100_000);
  assert.deepEqual(places(), [ready, ready, 'warming general null'].sort(), 'and again');
});

test('the first invocation on a dedicated instance boots nothing and fetches nothing (D5, D2)', async () => {
  await using m = new Market();
  const spec = m.spec();
  await m.buy({ functions: [{ name: 'echo', sandboxes: 0 }] });
  const opened = m.t.code.opened;
  assert.equal(opened, 1);
  const held = await m.hold(spec);
  const record = [...m.t.records.records.values()].at(-1)!;
  assert.equal(record.instanceStep, 'warming');
  assert.match(held.pool, /^dedicated\/cap-/);
  assert.equal(m.t.code.opened, opened);
  await held.end();
});

test('where sandboxes are asked for they are initialised before any invocation, on what is bought and nowhere else (D5)', async () => {
  await using m = new Market();
  const spec = m.spec(A, { memoryMb: 128 });
  const purchase = await m.buy({ functions: [{ name: 'echo', sandboxes: 3 }] });
  await settled();
  const kept = m.t.fleet.view().instances.find(({ subPool }) => subPool === `dedicated/${purchase.id}`)!;
  assert.deepEqual(
    kept.sandboxes.map(({ state, keptFor }) => [state, keptFor]),
    Array.from({ length: 3 }, () => ['idle', 'bought capacity']),
  );
  assert.equal(kept.pool, 'warming');
  assert.equal((await m.t.invoke(spec)).startPath, 'warm');
  assert.equal([...m.t.records.records.values()].at(-1)!.pool, `dedicated/${purchase.id}`);
  m.t.fleet.capacity.bought.remove(purchase);
  await m.pass(1_000);
  assert.ok(m.t.fleet.view().instances.every(({ sandboxes }) => sandboxes.every(({ keptFor }) => keptFor === null)));
});

test('two accounts, the same code: each runs in its own sub-pool, and a third in general (D3, D11)', async () => {
  await using m = new Market();
  await m.buy({});
  await m.buy({ account: B });
  const [ofA, ofB, ofC] = [await m.hold(m.spec(A)), await m.hold(m.spec(B)), await m.hold(m.spec('333333333333'))];
  assert.match(ofA.pool, /^dedicated\//);
  assert.match(ofB.pool, /^dedicated\//);
  assert.notEqual(ofA.pool, ofB.pool);
  assert.equal(ofC.pool, 'general');
  for (const held of [ofA, ofB, ofC]) await held.end();
});

test('with general drained another account waits, and the dedicated instance stays where it is (D3)', async () => {
  await using m = new Market({ warmInstances: 0, maxMemoryMb: 512 });
  const purchase = await m.buy({});
  const other = await m.hold(m.spec(B));
  assert.equal(other.pool, '');
  assert.equal(m.subPool(purchase).ready.length, 1);
  await m.pass(30_000);
  await assert.rejects(other.outcome, { code: 'TooManyRequestsException' });
  assert.equal(m.subPool(purchase).ready.length, 1);
});

test('overflow: the record says that what was bought is used up, and what the policy is; before it says nothing of one (D13, D14, D24)', async () => {
  await using m = new Market();
  await m.buy({});
  const first = await m.hold(m.spec());
  assert.doesNotMatch(first.reason, /policy/);
  const second = await m.hold(m.spec());
  assert.equal(second.pool, 'general');
  assert.match(second.reason, /lacks 512 MB for one more; the account's policy is overflow: /);
  await first.end();
  await second.end();
  const { instances } = m.t.fleet.view();
  assert.equal(instances.find(({ pool, subPool }) => pool === 'active' && subPool === 'general')!.account, A);
});

test('one dedicated instance is free, but too small: that is a shortage (D12)', async () => {
  await using m = new Market({ warmSizesMb: [1024] });
  const purchase = await m.buy({});
  const held = await m.hold(m.spec(A, { memoryMb: 1024 }));
  assert.equal(held.pool, 'general');
  assert.match(held.reason, /lacks 1024 MB/);
  assert.equal(m.subPool(purchase).ready.length, 1);
  await held.end();
});

test('deny: throttled at once, general untouched, and nothing that overflowed before is used (D15)', async () => {
  await using m = new Market();
  await m.buy({});
  const first = await m.hold(m.spec());
  const before = await m.hold(m.spec());
  await before.end();
  await m.pass(100);
  await m.choose({ kind: 'deny' });
  const warm = m.t.fleet.capacity.warmCount;
  const denied = await m.hold(m.spec());
  await assert.rejects(denied.outcome, { code: 'TooManyRequestsException', message: /policy is deny/ });
  assert.equal(m.t.fleet.capacity.warmCount, warm);
  await first.end();
  assert.equal((await m.t.invoke(m.spec())).startPath, 'warm');
});

test('deny: what is idle of other functions gives way before anyone is denied (D15)', async () => {
  await using m = new Market();
  await m.buy({});
  await m.choose({ kind: 'deny' });
  await (await m.hold(m.spec())).end();
  m.t.provider.freezers.values().next().value!.usedMb = 400;
  await m.pass(10);
  const other = await m.hold(m.spec(A, { functionName: 'other' }));
  assert.match(other.pool, /^dedicated/);
  await other.end();
});

test('wait: runs right after a dedicated sandbox is free, else is throttled after its time (D16)', async () => {
  await using m = new Market();
  await m.buy({});
  await m.choose({ kind: 'wait', waitMs: 5_000 });
  const first = await m.hold(m.spec());
  const second = await m.hold(m.spec());
  assert.equal(second.pool, '');
  await first.end();
  assert.match(second.pool, /^dedicated/);
  const third = await m.hold(m.spec());
  await m.pass(4_999);
  assert.equal(third.pool, '');
  await m.pass(1);
  await assert.rejects(third.outcome, { code: 'TooManyRequestsException', message: /It waited for 5 s/ });
  assert.equal(m.t.fleet.capacity.warmCount, 1);
  await second.end();
});

test('grow: more instances up to the maximum and never above, for which requests wait (D17)', async () => {
  await using m = new Market();
  const purchase = await m.buy({});
  await m.choose({ kind: 'grow', maxInstances: 3, waitMs: 5_000 });
  const held = [];
  for (let count = 0; count < 5; count++) held.push(await m.hold(m.spec()));
  await m.pass(1_000);
  assert.deepEqual(
    held.map(({ pool }) => pool !== ''),
    [true, true, true, false, false],
  );
  assert.equal(m.subPool(purchase).held, 3);
  assert.equal(m.t.fleet.capacity.warmCount, 1);
  await held[0]!.end();
  assert.notEqual(held[3]!.pool, '');
  for (const one of held) await one.end();
});

test('reserved: others fill the machine, and as many as are guaranteed run all the same; one more follows the policy (D6)', async () => {
  await using m = new Market({ maxMemoryMb: 2048 });
  const purchase = await m.buy({ class: 'reserved', amount: 3, memoryMb: 256 });
  await m.choose({ kind: 'deny' });
  const others = [];
  for (let count = 0; count < 4; count++) {
    others.push(await m.hold(m.spec(B)));
    await m.pass(200);
  }
  assert.equal(others.filter(({ pool }) => pool !== '').length, 2);
  const small = m.spec(A, { memoryMb: 256 });
  const own = [await m.hold(small), await m.hold(small), await m.hold(small)];
  for (const { pool } of own) assert.equal(pool, `reserved/${purchase.id}`);
  // The instances have room for a fourth: the number is what counts.
  await assert.rejects((await m.hold(small)).outcome, { code: 'TooManyRequestsException', message: /policy is deny/ });
  await m.choose({ kind: 'wait', waitMs: 5_000 });
  const waiting = await m.hold(m.spec(A, { memoryMb: 256, functionName: 'another' }));
  assert.equal(waiting.pool, '');
  await own[0]!.end();
  assert.equal(waiting.pool, `reserved/${purchase.id}`);
  for (const held of [...others, ...own, waiting]) await held.end();
});

test('reserved: what is lent in a shortage is back when it is needed, within the time-out of who has it (D6)', async () => {
  await using m = new Market({ warmInstances: 0, maxMemoryMb: 512 });
  const purchase = await m.buy({ class: 'reserved', amount: 1, memoryMb: 512, lendMs: 3_000 });
  await m.choose({ kind: 'deny' });
  const borrower = await m.hold(m.spec(B, { timeoutMs: 3_000 }));
  assert.equal(borrower.pool, 'lent');
  assert.match(borrower.reason, /lends an idle instance/);
  const owner = await m.hold(m.spec());
  assert.equal(owner.pool, '', 'it is guaranteed, and on its way');
  await m.pass(2_999);
  assert.equal(owner.pool, '');
  await m.pass(1_001);
  assert.match((await borrower.outcome).payload.toString(), /timed out/);
  assert.equal(owner.pool, `reserved/${purchase.id}`);
  await owner.end();
});

test('variable: a request waits until the constraints hold, uses nothing else meanwhile, and then runs there (D7)', async () => {
  await using m = new Market({ maxMemoryMb: 2048 });
  const purchase = await m.buy({
    class: 'variable',
    constraints: {},
    schedule: { timeZone: 'UTC', windows: [{ days: ['sat'], from: '00:05', to: '01:00' }] },
  });
  const held = await m.hold(m.spec());
  assert.equal(held.pool, '');
  assert.match(held.reason, /waits for variable\/cap-\d+: none of its time windows is open/);
  await m.pass(100_000);
  assert.equal(held.pool, '', 'longer than a request waits for room');
  assert.equal(m.t.fleet.capacity.warmCount, 1);
  await m.pass(200_000);
  assert.equal(held.pool, `variable/${purchase.id}`);
  await held.end();
});

test('a request may ask for a class; sandboxes of one class never serve a request for another (P14, D11)', async () => {
  await using m = new Market();
  const spec = m.spec();
  const dedicated = await m.buy({});
  const variable = await m.buy({ class: 'variable', constraints: {} });
  const pool = async (name: string): Promise<string> => {
    const held = await m.hold(onCapacity(spec, name));
    await held.end();
    return held.pool;
  };
  assert.equal(await pool('variable'), `variable/${variable.id}`);
  assert.equal(await pool('on-demand'), 'general');
  assert.equal(await pool('dedicated'), `dedicated/${dedicated.id}`);
  assert.equal(await pool('variable'), `variable/${variable.id}`);
  await assert.rejects((await m.hold(onCapacity(spec, 'reserved'))).outcome, /no capacity of class reserved/);
  assert.throws(() => onCapacity(spec, 'best'), /one of on-demand, dedicated/);
  await m.choose({ kind: 'deny' });
  await assert.rejects((await m.hold(onCapacity(spec, 'on-demand'))).outcome, /keeps it to what it has bought/);
});

test('code that changes during a run: the run ends on the old, the next has the new in the cache (D20)', async () => {
  await using m = new Market();
  const old = m.spec(A, { memoryMb: 256 });
  await m.buy({ functions: [{ name: 'echo', sandboxes: 0 }] });
  const running = await m.hold(old);
  const bytes = Buffer.from('the new code');
  const code = { sha256: m.t.code.put(A, bytes), size: bytes.length };
  const next: FunctionSpec = { ...old, key: `${old.key}/2`, code };
  m.functions.set(`${A}/echo`, next);
  m.t.fleet.capacity.bought.functionsChanged(A);
  await settled();
  m.t.fleet.retire(old);
  await running.end();
  assert.equal((await running.outcome).payload.toString(), '"held"');
  assert.equal((await m.t.invoke(next)).payload.toString(), '{}');
});

test('the term ends during a run: the run goes on, the instance ends after it, the next runs on demand (D23, D19)', async () => {
  await using m = new Market();
  const purchase = await m.buy({ until: m.t.clock.wallTime() + 2_000 });
  const running = await m.hold(m.spec());
  await m.pass(2_000);
  const next = await m.hold(m.spec());
  assert.equal(next.pool, 'general');
  await running.end();
  assert.equal((await running.outcome).functionError, undefined);
  assert.equal(m.subPool(purchase).memoryMb, 0);
  await next.end();
});

test('what is guaranteed is not evicted for others, and a busy instance of others makes way when it is free (D21)', async () => {
  await using m = new Market({ warmInstances: 0, maxMemoryMb: 1024 });
  const busy = await m.hold(m.spec(B));
  await (await m.hold(m.spec(B, { functionName: 'idle' }))).end();
  const purchase = await m.buy({ amount: 2 });
  await m.pass(5_000);
  assert.equal(m.subPool(purchase).ready.length, 1, 'the idle one of another account has ended');
  await busy.end();
  await m.pass(1_000);
  assert.equal(m.subPool(purchase).ready.length, 2);
  const other = await m.hold(m.spec(B));
  await m.pass(30_000);
  await assert.rejects(other.outcome);
  assert.equal(m.subPool(purchase).ready.length, 2);
});

test('what executes is metered by the class that it executes on (D22)', async () => {
  await using m = new Market();
  await m.buy({});
  m.t.fleet.capacity.bought.takeUsage();
  const [own, over] = [await m.hold(m.spec()), await m.hold(m.spec())];
  await m.pass(1_000);
  await own.end();
  await over.end();
  const rows = new Map(m.t.fleet.capacity.bought.takeUsage().map((row) => [row.class, row]));
  assert.deepEqual([rows.get('dedicated')!.usedMbMs, rows.get('dedicated')!.invocations], [512_000, 1]);
  assert.deepEqual([rows.get('on-demand')!.usedMbMs, rows.get('on-demand')!.invocations], [512_000, 1]);
  assert.equal(rows.get('on-demand')!.heldMbMs, 0);
});
