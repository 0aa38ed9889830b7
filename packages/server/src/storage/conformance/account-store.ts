import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountRecord, KeyRecord } from '../../auth/accounts/account.ts';
import type { AccountStore } from '../../auth/accounts/ports.ts';

function account(id: string, over: Partial<AccountRecord> = {}): AccountRecord {
  return { id, name: 'snow ☃ and "quotes"', createdAt: 1, limits: { concurrency: 7 }, ...over };
}

function key(id: string, owner: string, over: Partial<KeyRecord> = {}): KeyRecord {
  return { id, account: owner, secret: 'wJalr/+secret', status: 'Active', createdAt: 2, ...over };
}

const ONE = '111111111111';
const TWO = '222222222222';

/**
 * What every account store does.
 *
 * @param place a new, empty place; opened again after disposal it must hold what was put there before.
 */
export function accountStoreConformance(
  name: string,
  place: () => Promise<{ open: () => Promise<AccountStore> }>,
): void {
  const sorted = async (store: AccountStore) => {
    const { accounts, keys } = await store.all();
    const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
    return { accounts: accounts.sort(byId), keys: keys.sort(byId) };
  };

  test(`${name}: accounts and keys are there, whole, and after opening again too`, async () => {
    const { open } = await place();
    {
      await using store = await open();
      assert.deepEqual(await store.all(), { accounts: [], keys: [] });
      await store.putAccount(account(ONE));
      await store.putAccount(account(TWO, { limits: {} }));
      await store.putKey(key('AKIA1', ONE, { lastUsedAt: 5 }));
      await store.putKey(key('AKIA2', TWO));
    }
    await using store = await open();
    assert.deepEqual(await sorted(store), {
      accounts: [account(ONE), account(TWO, { limits: {} })],
      keys: [key('AKIA1', ONE, { lastUsedAt: 5 }), key('AKIA2', TWO)],
    });
  });

  test(`${name}: put replaces, and an account keeps its keys`, async () => {
    await using store = await (await place()).open();
    await store.putAccount(account(ONE));
    await store.putKey(key('AKIA1', ONE));
    await store.putAccount(account(ONE, { name: 'new' }));
    await store.putKey(key('AKIA1', ONE, { status: 'Inactive' }));
    assert.deepEqual(await store.all(), {
      accounts: [account(ONE, { name: 'new' })],
      keys: [key('AKIA1', ONE, { status: 'Inactive' })],
    });
  });

  test(`${name}: an account goes with its keys and no other's; deleting what isn't there is no error`, async () => {
    await using store = await (await place()).open();
    await store.putAccount(account(ONE));
    await store.putAccount(account(TWO));
    await store.putKey(key('AKIA1', ONE));
    await store.putKey(key('AKIA2', TWO));
    await store.putKey(key('AKIA3', TWO));
    await store.deleteAccount(ONE);
    await store.deleteAccount(ONE);
    await store.deleteKey('AKIA3');
    await store.deleteKey('AKIA9');
    assert.deepEqual(await store.all(), { accounts: [account(TWO)], keys: [key('AKIA2', TWO)] });
  });

  test(`${name}: a key of no account is refused`, async () => {
    await using store = await (await place()).open();
    await assert.rejects(store.putKey(key('AKIA1', ONE)));
    assert.deepEqual(await store.all(), { accounts: [], keys: [] });
  });

  test(`${name}: a closed store says so`, async () => {
    const store = await (await place()).open();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.putAccount(account(ONE)), /closed/);
  });
}
