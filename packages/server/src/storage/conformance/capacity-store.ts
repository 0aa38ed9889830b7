import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CapacityStore } from '../../capacity/bought/ports.ts';
import type { Purchase } from '../../capacity/bought/purchase.ts';
import type { UsageRow } from '../../capacity/bought/usage.ts';

const ONE = '111111111111';
const TWO = '222222222222';
const HOUR = 3_600_000;

function purchase(id: string, over: Partial<Purchase> = {}): Purchase {
  return {
    id,
    account: ONE,
    class: 'dedicated',
    amount: 2,
    memoryMb: 1024,
    region: 'us-east-1',
    runtimes: ['nodejs26.x'],
    functions: [{ name: 'snow-☃', sandboxes: 3 }],
    until: 5e12,
    schedule: { timeZone: 'Europe/Berlin', windows: [{ days: ['mon'], from: '08:00', to: '18:00' }] },
    constraints: null,
    lendMs: 0,
    createdAt: 1,
    updatedAt: 2,
    ...over,
  };
}

function row(hour: number, over: Partial<UsageRow> = {}): UsageRow {
  return {
    account: ONE,
    class: 'dedicated',
    hour,
    heldMbMs: 1.5e15,
    usedMbMs: 0.5,
    invocations: 2,
    cost: 0.25,
    ...over,
  };
}

/**
 * What every capacity store does.
 *
 * @param place a new, empty place; opened again after disposal it must hold what was put there before.
 */
export function capacityStoreConformance(
  name: string,
  place: () => Promise<{ open: () => Promise<CapacityStore> }>,
): void {
  const always = { from: 0, to: Number.MAX_SAFE_INTEGER };

  test(`${name}: purchases, policies and usage are there, whole, and after opening again too (D4)`, async () => {
    const { open } = await place();
    const variable = purchase('cap-2', {
      class: 'variable',
      constraints: { minFreeShare: 0.5 },
      until: null,
      schedule: null,
    });
    {
      await using store = await open();
      assert.deepEqual(await store.all(), { purchases: [], policies: [] });
      await store.putPurchase(purchase('cap-1'));
      await store.putPurchase(variable);
      await store.putPolicy({ account: ONE, policy: { kind: 'wait', waitMs: 20_000 } });
      await store.addUsage([row(0)]);
    }
    await using store = await open();
    const { purchases, policies } = await store.all();
    assert.deepEqual(
      purchases.sort((a, b) => a.id.localeCompare(b.id)),
      [purchase('cap-1'), variable],
    );
    assert.deepEqual(policies, [{ account: ONE, policy: { kind: 'wait', waitMs: 20_000 } }]);
    assert.deepEqual(await store.usage(always), [row(0)]);
  });

  test(`${name}: put replaces; deleting takes one, and none that isn't there`, async () => {
    await using store = await (await place()).open();
    await store.putPurchase(purchase('cap-1'));
    await store.putPurchase(purchase('cap-2'));
    await store.putPurchase(purchase('cap-1', { amount: 7 }));
    await store.putPolicy({ account: ONE, policy: { kind: 'deny' } });
    await store.putPolicy({ account: ONE, policy: { kind: 'overflow' } });
    await store.deletePurchase('cap-2');
    await store.deletePurchase('cap-2');
    assert.deepEqual(await store.all(), {
      purchases: [purchase('cap-1', { amount: 7 })],
      policies: [{ account: ONE, policy: { kind: 'overflow' } }],
    });
  });

  test(`${name}: usage adds up by account, class and hour, and is found by account and time (D22)`, async () => {
    await using store = await (await place()).open();
    await store.addUsage([row(0), row(HOUR, { class: 'on-demand' }), row(0, { account: TWO })]);
    await store.addUsage([row(0, { heldMbMs: 1, usedMbMs: 1, invocations: 1, cost: 1 })]);
    await store.addUsage([]);
    const sum = row(0, { heldMbMs: 1.5e15 + 1, usedMbMs: 1.5, invocations: 3, cost: 1.25 });
    const onDemand = row(HOUR, { class: 'on-demand' });
    assert.deepEqual(await store.usage(always), [sum, row(0, { account: TWO }), onDemand]);
    assert.deepEqual(await store.usage({ ...always, account: ONE }), [sum, onDemand]);
    assert.deepEqual(await store.usage({ from: HOUR, to: 2 * HOUR }), [onDemand]);
    assert.deepEqual(await store.usage({ from: 0, to: HOUR, account: TWO }), [row(0, { account: TWO })]);
  });

  test(`${name}: a closed store says so`, async () => {
    const store = await (await place()).open();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.putPurchase(purchase('cap-1')), /closed/);
  });
}
