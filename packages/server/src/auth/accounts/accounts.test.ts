import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SqliteAccountStore } from '../../storage/sqlite/account-store.ts';
import { Accounts } from './accounts.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-accounts-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
let now = 1_000_000;
/** Has the minute pass. */
let tick: () => void = () => {};
const errors: unknown[] = [];

async function open(file: string): Promise<{ accounts: Accounts; store: SqliteAccountStore } & AsyncDisposable> {
  const store = await SqliteAccountStore.open(file);
  const accounts = await Accounts.open({
    store,
    now: () => now,
    repeat: (milliseconds, callback) => {
      assert.equal(milliseconds, 60_000);
      tick = callback;
      return { [Symbol.dispose]: () => {} };
    },
    onError: (error) => errors.push(error),
  });
  return {
    accounts,
    store,
    async [Symbol.asyncDispose]() {
      await accounts[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const newFile = () => join(root, `${places++}.db`);

test('accounts, keys and when they were used last are there after a restart', async () => {
  const file = newFile();
  let id: string;
  let keyId: string;
  let secret: string;
  {
    await using opened = await open(file);
    ({ id } = await opened.accounts.create('one', { concurrency: 3 }));
    ({ id: keyId, secret } = await opened.accounts.createKey(id));
    opened.accounts.find(keyId)!.used(now + 5);
  }
  await using opened = await open(file);
  const { accounts } = opened;
  assert.equal(accounts.exists(id), true);
  assert.deepEqual(accounts.limits(id), { concurrency: 3 });
  assert.equal(accounts.find(keyId)?.secretAccessKey, secret);
  assert.deepEqual(accounts.get(id).keys, [
    { id: keyId, account: id, status: 'Active', createdAt: now, lastUsedAt: now + 5 },
  ]);
});

test('uses are written down once a minute, and not for each request', async () => {
  await using opened = await open(newFile());
  const { accounts, store } = opened;
  const { id } = await accounts.create('');
  const key = await accounts.createKey(id);
  const lastUse = async () => (await store.all()).keys[0]?.lastUsedAt;
  const credential = accounts.find(key.id)!;
  credential.used(now + 1);
  credential.used(now + 2);
  assert.equal(await lastUse(), undefined);
  tick();
  // Changes follow each other, so by then it is done.
  await accounts.create('');
  assert.equal(await lastUse(), now + 2);
  assert.deepEqual(errors, []);
});

test('P8: a key that is deactivated or deleted stops at once, also for whoever holds it, and may be activated again', async () => {
  await using opened = await open(newFile());
  const { accounts } = opened;
  const { id } = await accounts.create('');
  const first = await accounts.createKey(id);
  const second = await accounts.createKey(id);
  const held = accounts.find(first.id)!;
  held.check(now);
  await accounts.setKeyStatus(id, first.id, 'Inactive');
  assert.throws(() => held.check(now), { code: 'UnrecognizedClientException' });
  await accounts.setKeyStatus(id, first.id, 'Active');
  held.check(now);
  await accounts.deleteKey(id, first.id);
  assert.throws(() => held.check(now), { code: 'UnrecognizedClientException' });
  const other = accounts.find(second.id)!;
  await accounts.delete(id);
  assert.throws(() => other.check(now), { code: 'UnrecognizedClientException' });
  assert.equal(accounts.find(second.id), undefined);
});

test('of keys that are asked for at once only two are made, and a full disk changes nothing', async () => {
  const file = newFile();
  await using opened = await open(file);
  const { accounts, store } = opened;
  const { id } = await accounts.create('');
  const asked = await Promise.allSettled(Array.from({ length: 5 }, () => accounts.createKey(id)));
  assert.deepEqual(
    asked.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'],
  );
  await accounts.setKeyStatus(id, accounts.get(id).keys[0]!.id, 'Inactive');
  const failing = accounts.get(id);
  store.putKey = () => Promise.reject(new Error('database or disk is full'));
  await assert.rejects(accounts.createKey(id), /disk is full/);
  await assert.rejects(accounts.setKeyStatus(id, failing.keys[1]!.id, 'Inactive'), /disk is full/);
  assert.deepEqual(accounts.get(id), failing);
});

test('deactivated keys are kept up to ten', async () => {
  await using opened = await open(newFile());
  const { accounts } = opened;
  const { id } = await accounts.create('');
  for (let count = 0; count < 10; count++) {
    const key = await accounts.createKey(id);
    await accounts.setKeyStatus(id, key.id, 'Inactive');
  }
  await assert.rejects(accounts.createKey(id), /has 10 keys. Hint: delete/);
});
