import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Entitlements } from './entitlements.ts';
import { settled } from '../../invoke/testing/test-fleet.ts';
import type { CapacityClass } from '@hearth/protocol';
import { A, B, purchaseOf, Subject } from './testing/subject.ts';
import type { Held } from './testing/subject.ts';

const MINUTE = 60_000;

test('what is bought is ready, whole, before any request (D4)', async () => {
  await using subject = new Subject();
  const dedicated = await subject.buy({ amount: 2 });
  const reserved = await subject.buy({ class: 'reserved', amount: 9, memoryMb: 128 });
  const variable = await subject.buy({ class: 'variable', account: B, constraints: {} });
  assert.equal(subject.ready(dedicated), 2);
  assert.equal(subject.ready(reserved), 3, 'four executions fit into an instance');
  assert.equal(subject.ready(variable), 1);
  for (const instance of subject.subPool(dedicated).ready) assert.equal(instance.account, A);
});

test('a ready instance has code and layers of its account before any request, each fetched once (D2)', async () => {
  await using subject = new Subject();
  subject.define(A, 'one', 'code of one', 'the layer');
  subject.define(A, 'two', 'code of two');
  const purchase = await subject.buy({
    functions: ['one', 'two', 'none'].map((name) => ({ name, sandboxes: 0 })),
  });
  const [instance] = subject.subPool(purchase).ready;
  assert.equal(subject.provider.agents.get(instance!.id)!.fetched.length, 3);
  assert.equal(subject.subPool(purchase).problem, undefined);
});

test('code that can not be loaded is told, and costs no instance (D2)', async () => {
  await using subject = new Subject();
  subject.define(A, 'bad', 'broken zip');
  const purchase = await subject.buy({ functions: [{ name: 'bad', sandboxes: 0 }] });
  assert.equal(subject.ready(purchase), 1);
  assert.match(subject.subPool(purchase).problem ?? '', /no zip file/);
});

test('a dedicated instance goes to nobody else, even when there is no other (D3)', async () => {
  await using subject = new Subject({ warm: 0, maxMemoryMb: 1024 });
  const purchase = await subject.buy({ amount: 2 });
  assert.equal(subject.take(subject.need(B)), undefined);
  await settled();
  assert.equal(subject.take(subject.need(B)), undefined);
  assert.equal(subject.ready(purchase), 2);
  assert.equal(subject.take()?.holding.subPool, `dedicated/${purchase.id}`);
});

test('the sub-pool follows from the account, and without a purchase it is general (D11, P14)', async () => {
  await using subject = new Subject({ warm: 3 });
  const ofA = await subject.buy({});
  const ofB = await subject.buy({ account: B });
  const variable = await subject.buy({ class: 'variable', constraints: {} });
  assert.equal(subject.take(subject.need(B))?.holding.subPool, `dedicated/${ofB.id}`);
  assert.equal(subject.take(subject.need('333333333333'))?.holding.subPool, 'general');
  assert.equal(
    subject.take(subject.need(A, { capacityClass: 'variable' }))?.holding.subPool,
    `variable/${variable.id}`,
  );
  assert.equal(subject.take(subject.need(A, { capacityClass: 'on-demand' }))?.holding.subPool, 'general');
  assert.equal(subject.take(subject.need(A))?.holding.subPool, `dedicated/${ofA.id}`);
  const none = subject.capacity.bought.shortage(subject.need(B, { capacityClass: 'reserved' }));
  assert.equal(none?.kind, 'refuse');
  assert.match(none.reason, /no capacity of class reserved/);
});

test('an instance that is free but too small is a shortage (D12)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({});
  const large = subject.need(A, { memoryMb: 513 });
  assert.equal(subject.capacity.bought.take(large), undefined);
  const shortage = subject.capacity.bought.shortage(large);
  assert.equal(shortage?.kind, 'overflow');
  assert.match(shortage.reason, /lacks 513 MB/);
  assert.equal(subject.ready(purchase), 1);
});

test('the policy is looked up in a shortage and not before (D13)', async (t) => {
  await using subject = new Subject();
  await subject.buy({});
  const { mock: lookUps } = t.mock.method(Entitlements.prototype, 'policyOf');
  assert.ok(subject.take());
  assert.equal(lookUps.callCount(), 0);
  assert.match(subject.capacity.bought.shortage(subject.need())!.reason, /lacks 128 MB .* policy is overflow/);
  assert.equal(lookUps.callCount(), 1);
});

test("overflow takes an instance of general, which is then the account's for good (D14, D24)", async () => {
  await using subject = new Subject();
  await subject.buy({});
  subject.take();
  const over = subject.take()!;
  assert.equal(over.holding.subPool, 'general');
  assert.equal(over.instance.account, A);
  assert.throws(() => over.instance.assign(B), /belongs to account/);
  subject.finish(over);
  assert.equal(subject.giveBack(over), false, 'it ends; only a new one goes to general');
});

test('deny refuses, and takes nothing of general (D15)', async () => {
  await using subject = new Subject();
  await subject.buy({});
  subject.capacity.bought.setPolicy({ account: A, policy: { kind: 'deny' } });
  await settled();
  subject.take();
  assert.equal(subject.capacity.bought.shortage(subject.need())?.kind, 'refuse');
  assert.equal(subject.take(), undefined);
  assert.equal(subject.capacity.warmCount, 1);
  assert.equal(subject.capacity.bought.onDemand(A).open, false, 'nor does it use what overflowed before');
});

test('wait says for how long, and takes nothing of general (D16)', async () => {
  await using subject = new Subject();
  await subject.buy({});
  subject.capacity.bought.setPolicy({ account: A, policy: { kind: 'wait', waitMs: 7_000 } });
  const first = subject.take()!;
  const shortage = subject.capacity.bought.shortage(subject.need());
  assert.ok(shortage?.kind === 'wait' && shortage.waitMs === 7_000);
  assert.equal(subject.take(), undefined);
  assert.equal(subject.capacity.warmCount, 1);
  subject.finish(first);
  subject.giveBack(first);
  await settled();
  assert.equal(subject.take()?.instance, first.instance);
});

test("grow adds instances with the account's software up to its maximum, and gives them up when they are idle (D17)", async () => {
  await using subject = new Subject();
  subject.define(A, 'one', 'code of one');
  const purchase = await subject.buy({ functions: [{ name: 'one', sandboxes: 0 }] });
  subject.capacity.bought.setPolicy({ account: A, policy: { kind: 'grow', maxInstances: 3, waitMs: 5_000 } });
  const held: Held[] = [subject.take()!];
  for (let attempt = 0; attempt < 5; attempt++) {
    const taken = subject.take();
    if (taken !== undefined) held.push(taken);
    await settled();
    assert.ok(subject.subPool(purchase).held <= 3);
  }
  assert.equal(held.length, 3);
  for (const { instance } of held) assert.equal(subject.provider.agents.get(instance.id)!.fetched.length, 1);
  for (const one of held) {
    subject.finish(one);
    subject.giveBack(one);
    await settled();
  }
  assert.equal(subject.ready(purchase), 1);
  assert.equal(subject.provider.agents.size, 2, 'it and the one of general');
});

test('a used instance comes back to its own account, and nothing is made in its place meanwhile (D18)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ amount: 2 });
  const used = subject.take()!;
  await settled();
  assert.deepEqual([subject.ready(purchase), subject.subPool(purchase).held], [1, 2]);
  subject.finish(used);
  assert.equal(subject.giveBack(used), true);
  await settled();
  assert.equal(subject.ready(purchase), 2);
  assert.ok(subject.subPool(purchase).ready.includes(used.instance));
  assert.equal(used.instance.account, A);
  assert.equal(subject.take(subject.need(B))?.holding.subPool, 'general');
});

test('an instance that is lost, ready or in use, is replaced (D5, D18)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ amount: 2 });
  const used = subject.take()!;
  for (const lost of [used.instance, subject.subPool(purchase).ready[0]!]) {
    subject.provider.agents.get(lost.id)!.kill();
    await settled();
    assert.equal(subject.subPool(purchase).held, 2);
  }
  assert.equal(subject.ready(purchase), 2);
});

test('an instance that is not well while it waits is replaced (D5, X22)', async () => {
  await using subject = new Subject({ healthCheckMs: 60_000 });
  const purchase = await subject.buy({});
  const [ill] = subject.subPool(purchase).ready;
  subject.provider.agents.get(ill!.id)!.problems = ['its zygote does not fork'];
  await subject.pass(130_000);
  assert.equal(subject.ready(purchase), 1);
  assert.notEqual(subject.subPool(purchase).ready[0], ill);
});

test('the number follows the schedule, minute by minute; outside it everything is released (D19)', async () => {
  await using subject = new Subject();
  // The clock stands at 2026-11-21, a Saturday, one second past midnight.
  const purchase = await subject.buy({
    amount: 2,
    schedule: { timeZone: 'UTC', windows: [{ days: ['sat'], from: '01:00', to: '02:00' }] },
  });
  assert.equal(subject.ready(purchase), 0);
  assert.match(subject.subPool(purchase).closedBecause!, /windows/);
  assert.equal(subject.take()?.holding.subPool, 'general', 'as if nothing were bought');
  await subject.pass(60 * MINUTE - 1_001);
  assert.equal(subject.ready(purchase), 0);
  await subject.pass(1);
  assert.equal(subject.ready(purchase), 2);
  const running = subject.take()!;
  await subject.pass(60 * MINUTE);
  assert.equal(subject.ready(purchase), 0);
  assert.equal(running.running, 1, 'what runs may finish');
  assert.equal(running.holding.open, false, 'nothing new begins there');
  subject.finish(running);
  await settled();
  assert.equal(subject.subPool(purchase).memoryMb, 0);
  // Nothing is made until then, so it can pass at once.
  subject.clock.advance(7 * 24 * 60 * MINUTE - 61 * MINUTE);
  await subject.pass(MINUTE);
  assert.equal(subject.ready(purchase), 2, 'a week later again');
});

test('another number, size or code reaches what waits, and leaves alone what runs (D20)', async () => {
  await using subject = new Subject();
  subject.define(A, 'one', 'old code', 'old layer');
  const purchase = await subject.buy({ amount: 2, functions: [{ name: 'one', sandboxes: 0 }] });
  const running = subject.take()!;
  const waiting = subject.subPool(purchase).ready[0]!;
  subject.define(A, 'one', 'old code', 'new layer');
  subject.capacity.bought.functionsChanged(A);
  await settled();
  assert.equal(subject.ready(purchase), 1);
  assert.equal(subject.provider.agents.get(waiting.id)!.fetched.length, 3, 'only what is new is fetched');
  assert.equal(subject.provider.agents.get(running.instance.id)!.fetched.length, 2);
  subject.finish(running);
  subject.giveBack(running);
  await settled();
  assert.equal(subject.provider.agents.get(running.instance.id)!.fetched.length, 3);
  const again = subject.take()!;
  subject.capacity.bought.put({ ...purchase, amount: 1, memoryMb: 1024 });
  await settled();
  assert.equal(again.running, 1);
  assert.equal(again.recalled, false, 'one is what it is to have');
  subject.finish(again);
  assert.equal(subject.giveBack(again), false, 'its size is another');
  await settled();
  assert.deepEqual(
    subject.subPool(purchase).ready.map(({ memoryMb }) => memoryMb),
    [1024],
  );
});

test('fewer than before: first what waits goes, then what is in use and idle, then what runs when it has finished (D20)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ amount: 3 });
  const [busy, idle] = [subject.take()!, subject.take()!];
  subject.finish(idle);
  subject.capacity.bought.put({ ...purchase, amount: 2 });
  await settled();
  assert.deepEqual([subject.ready(purchase), subject.subPool(purchase).inUse], [0, 2]);
  subject.capacity.bought.put({ ...purchase, amount: 0 });
  await settled();
  assert.deepEqual([...subject.held.values()], [busy]);
  subject.finish(busy);
  await settled();
  assert.equal(subject.subPool(purchase).memoryMb, 0);
});

test('when its term has ended it is released, and its account has what there is on demand (D23)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ amount: 2, until: subject.clock.wallTime() + 90_500 });
  const running = subject.take()!;
  await subject.pass(90_499);
  assert.equal(subject.ready(purchase), 1);
  await subject.pass(1);
  assert.equal(subject.ready(purchase), 0);
  assert.equal(running.running, 1);
  assert.equal(subject.capacity.bought.shortage(subject.need()), undefined);
  assert.equal(subject.take()?.holding.subPool, 'general');
  subject.finish(running);
  await settled();
  assert.equal(subject.subPool(purchase).memoryMb, 0);
});

test('what is released ends, after what runs, and leaves nothing', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ amount: 2 });
  const running = subject.take()!;
  subject.capacity.bought.remove(purchase);
  await settled();
  assert.equal(subject.take()?.holding.subPool, 'general');
  assert.equal(running.running, 1);
  subject.finish(running);
  await settled();
  assert.deepEqual([...subject.capacity.bought.subPools], []);
});

test('in a shortage what is guaranteed comes first, then what is on demand, then what is variable (D21)', async () => {
  await using subject = new Subject({ warm: 1, maxMemoryMb: 2048 });
  const variable = await subject.buy({ account: B, class: 'variable', amount: 2, constraints: {} });
  assert.equal(subject.ready(variable), 2);
  subject.take(subject.need('333333333333'));
  await subject.pass(100);
  assert.equal(subject.capacity.warmCount, 1, 'four instances are all there can be');
  const dedicated = await subject.buy({ amount: 3 });
  await settled();
  assert.equal(subject.ready(variable), 0, 'variable capacity is the first to go');
  assert.equal(subject.ready(dedicated), 3, 'then what is only kept warm');
  assert.equal(subject.held.size, 1, 'what runs on demand is left alone');
  assert.match(subject.subPool(variable).closedBecause!, /short of memory/);
  subject.capacity.bought.remove(dedicated);
  await settled();
  assert.equal(subject.capacity.warmCount, 1, 'general comes before variable');
  await subject.pass(2 * MINUTE);
  assert.equal(subject.ready(variable), 2);
});

test('variable capacity that is still being made gives way too (D21)', async () => {
  await using subject = new Subject({ warm: 0, maxMemoryMb: 1024 });
  const variable = purchaseOf({ account: B, class: 'variable', amount: 2, constraints: {} });
  const dedicated = purchaseOf({ amount: 2 });
  for (const purchase of [variable, dedicated]) subject.capacity.bought.put(purchase);
  await settled();
  assert.deepEqual([subject.ready(variable), subject.ready(dedicated)], [0, 2]);
});

test('a guarantee takes the memory of idle instances that others have on demand, and waits for busy ones (D21)', async () => {
  await using subject = new Subject({ warm: 1, maxMemoryMb: 1024 });
  await settled();
  const idle = subject.take(subject.need(B))!;
  await subject.pass(100);
  const busy = subject.take(subject.need(B))!;
  subject.finish(idle);
  const purchase = await subject.buy({ amount: 2 });
  assert.equal(subject.ready(purchase), 1);
  assert.equal(busy.running, 1);
  assert.equal(subject.capacity.affords(512), false);
  subject.finish(busy);
  subject.capacity.bought.changed();
  await settled();
  assert.equal(subject.ready(purchase), 2);
});

test('on demand nobody gets what a guarantee still needs (D21)', async () => {
  await using subject = new Subject({ warm: 0, maxMemoryMb: 1024 });
  subject.provider.failures = 1;
  const purchase = await subject.buy({ amount: 2 });
  assert.equal(subject.subPool(purchase).missing > 0, true);
  assert.equal(subject.capacity.affords(512), false);
  await subject.pass(1_000);
  assert.equal(subject.ready(purchase), 2);
});

test('reserved executions are all admitted whatever others do; one more follows the policy (D6)', async () => {
  await using subject = new Subject({ warm: 1, maxMemoryMb: 2048 });
  await subject.buy({ class: 'reserved', amount: 2, memoryMb: 512 });
  for (let turn = 0; turn < 5; turn++) {
    subject.take(subject.need(B));
    await subject.pass(100);
  }
  assert.equal(subject.held.size, 2, 'others have all that is left');
  subject.capacity.bought.setPolicy({ account: A, policy: { kind: 'deny' } });
  assert.ok(subject.take());
  assert.ok(subject.take());
  assert.equal(subject.take(), undefined);
  assert.equal(subject.capacity.bought.shortage(subject.need())?.kind, 'refuse');
});

test('over its number a reserved sub-pool begins nothing, even where an instance has room (D6)', async () => {
  await using subject = new Subject();
  const purchase = await subject.buy({ class: 'reserved', amount: 3, memoryMb: 128 });
  const { holding } = subject.subPool(purchase);
  holding.running = 3;
  assert.equal(holding.open, false);
  assert.equal(subject.capacity.bought.take(subject.need()), undefined);
  holding.running = 2;
  subject.finish(subject.take()!);
  holding.running = 0;
});

test('idle reserved capacity is lent in a shortage, to functions that end in time, and comes back (D6)', async () => {
  await using subject = new Subject({ warm: 0, maxMemoryMb: 1024 });
  const purchase = await subject.buy({ class: 'reserved', amount: 2, memoryMb: 512, lendMs: 5_000 });
  const owners = new Set(subject.subPool(purchase).ready.map(({ id }) => id));
  const short = subject.need(B, { timeoutMs: 5_000 });
  assert.equal(subject.take(subject.need(B, { timeoutMs: 5_001 })), undefined);
  await settled();
  assert.equal(subject.ready(purchase), 2, 'not to one that may take longer');
  assert.equal(subject.take(short), undefined);
  await settled();
  assert.equal(subject.take(subject.need(B, { timeoutMs: 5_001 })), undefined);
  const lent = subject.take(short)!;
  assert.equal(lent.holding.subPool, 'lent');
  assert.equal(lent.holding.maxTimeoutMs, 5_000);
  assert.equal(owners.has(lent.instance.id), false, 'a new instance: none changes hands');
  await settled();
  assert.equal(subject.ready(purchase), 1);
  subject.capacity.bought.setPolicy({ account: A, policy: { kind: 'deny' } });
  assert.ok(subject.take());
  assert.equal(subject.take(), undefined);
  const shortage = subject.capacity.bought.shortage(subject.need());
  assert.ok(
    shortage?.kind === 'wait' && shortage.waitMs >= 5_000,
    'within the guarantee it waits, whatever the policy is',
  );
  assert.equal(lent.holding.open, false, 'recalled');
  subject.finish(lent);
  await settled();
  assert.ok(subject.take());
  assert.equal(subject.take(), undefined);
  assert.equal(subject.capacity.bought.shortage(subject.need())?.kind, 'refuse');
});

test('what was lent to one who has given up meanwhile goes back (D6)', async () => {
  await using subject = new Subject({ warm: 0, maxMemoryMb: 512 });
  const purchase = await subject.buy({ class: 'reserved', amount: 1, memoryMb: 512, lendMs: 5_000 });
  subject.take(subject.need(B));
  await settled();
  assert.equal(subject.ready(purchase), 0);
  await subject.pass(10_000);
  assert.equal(subject.ready(purchase), 1);
  assert.equal(subject.take(subject.need(B, { timeoutMs: 900_000 })), undefined);
});

test('a request for variable capacity waits while its constraints do not hold, and uses nothing else (D7)', async () => {
  await using subject = new Subject({ warm: 1, maxMemoryMb: 2048 });
  const purchase = await subject.buy({ class: 'variable', constraints: { minFreeShare: 0.7 } });
  assert.equal(subject.ready(purchase), 1);
  const others = [subject.take(subject.need(B))!];
  await subject.pass(100);
  others.push(subject.take(subject.need(B))!);
  await subject.pass(100);
  assert.match(subject.subPool(purchase).closedBecause!, /50 % of the machine is free, and it wants 70 %/);
  assert.equal(subject.ready(purchase), 0);
  assert.equal(subject.take(), undefined);
  const shortage = subject.capacity.bought.shortage(subject.need());
  assert.ok(shortage?.kind === 'wait');
  assert.match(shortage.reason, /^waits for variable\/cap-\d+: 50 %/);
  assert.equal(subject.capacity.warmCount, 1);
  for (const one of others) subject.giveBack(one);
  await settled();
  await settled();
  assert.equal(subject.take()?.holding.subPool, `variable/${purchase.id}`);
});

test('variable capacity has a price that falls with the free share of the machine, and a ceiling for it (D7)', async () => {
  await using subject = new Subject({ warm: 1, maxMemoryMb: 2048 });
  const purchase = await subject.buy({ class: 'variable', constraints: { maxPrice: 0.3 } });
  assert.equal(subject.ready(purchase), 1);
  subject.take(subject.need(B));
  await subject.pass(100);
  assert.match(subject.subPool(purchase).closedBecause!, /the price is 0\.35, and it pays 0\.3/);
});

test('usage is kept by class: held time for what is guaranteed, use for the rest, variable for less (D22)', async () => {
  await using subject = new Subject({ warm: 2 });
  await subject.buy({ memoryMb: 1024 });
  await subject.buy({ class: 'reserved', amount: 1, memoryMb: 512 });
  await subject.buy({ class: 'variable', amount: 1, account: B, constraints: {} });
  subject.capacity.bought.takeUsage();
  const onDemand = subject.take(subject.need('333333333333'))!;
  const variable = subject.take(subject.need(B))!;
  onDemand.holding.used(1024, 1_800_000);
  variable.holding.used(1024, 1_800_000);
  await subject.pass(30 * MINUTE);
  const rows = new Map(subject.capacity.bought.takeUsage().map((row) => [row.class, row]));
  const cost = (kind: CapacityClass): string => rows.get(kind)!.cost.toFixed(9);
  assert.equal(rows.get('dedicated')!.heldMbMs, 1024 * 30 * MINUTE);
  assert.equal(rows.get('reserved')!.heldMbMs, 512 * 30 * MINUTE);
  assert.deepEqual(
    [cost('dedicated'), cost('reserved'), cost('on-demand')],
    ['0.250000000', '0.100000000', '0.500000000'],
  );
  assert.equal(rows.get('on-demand')!.invocations, 1);
  assert.ok(rows.get('variable')!.cost > 0 && rows.get('variable')!.cost < 0.5);
  assert.equal(rows.get('variable')!.account, B);
  assert.deepEqual(
    subject.capacity.bought.takeUsage().filter(({ invocations }) => invocations > 0),
    [],
  );
});
