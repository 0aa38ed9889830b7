/** Both sealed stores over SQLite, which is what a server uses. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FunctionRecord, VersionRecord } from '../../functions/function-record.ts';
import { accountStoreConformance } from '../conformance/account-store.ts';
import { functionRecord, metadataStoreConformance, versionRecord } from '../conformance/metadata-store.ts';
import { SqliteAccountStore } from '../sqlite/account-store.ts';
import { SqliteMetadataStore } from '../sqlite/metadata-store.ts';
import { SealedAccountStore } from './account-store.ts';
import { KeyRing, MasterKeyError } from './key-ring.ts';
import { SealedMetadataStore } from './metadata-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-sealed-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
const newFile = () => join(root, `${places++}.db`);
const SECRET = 'a-secret-that-must-not-be-on-the-disk';

metadataStoreConformance('sealed sqlite', async () => {
  const file = newFile();
  const ring = new KeyRing([randomBytes(32)]);
  return { open: async () => new SealedMetadataStore(await SqliteMetadataStore.open(file), ring) };
});

accountStoreConformance('sealed sqlite', async () => {
  const file = newFile();
  const ring = new KeyRing([randomBytes(32)]);
  return { open: async () => new SealedAccountStore(await SqliteAccountStore.open(file), ring) };
});

function withSecret(name: string, value = SECRET): FunctionRecord {
  const record = functionRecord(name);
  return { ...record, settings: { ...record.settings, environment: { PASSWORD: value } } };
}

/** A function without a secret whose update has failed; the version that serves has one. */
function servingWithSecret(name: string): FunctionRecord {
  const { settings, architecture, code, revision } = withSecret(name);
  const update = {
    status: 'failed',
    serving: { settings, architecture, code, revision },
    code: 'c',
    reason: 'r',
  } as const;
  return { ...functionRecord(name), revision: revision + 1, update };
}

function versionWithSecret(name: string, version: number): VersionRecord {
  return versionRecord(name, version, { settings: withSecret(name).settings });
}

const account = { id: '111111111111', name: 'one', createdAt: 1, limits: {} };
const key = { id: 'AKIA1', account: account.id, secret: SECRET, status: 'Active', createdAt: 1 } as const;

/** All bytes of a database and what SQLite keeps beside it. */
function bytesOf(file: string): string {
  const name = file.slice(root.length + 1);
  const files = readdirSync(root).filter((each) => each.startsWith(name));
  return files.map((each) => readFileSync(join(root, each), 'latin1')).join('');
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
test('environment variables and secret keys are nowhere on the disk in the clear', async () => {
  const ring = new KeyRing([randomBytes(32)]);
  const functions = newFile();
  const accounts = newFile();
  await using metadata = new SealedMetadataStore(await SqliteMetadataStore.open(functions), ring);
  await using keys = new SealedAccountStore(await SqliteAccountStore.open(accounts), ring);
  await metadata.put(withSecret('one'));
  await metadata.put(functionRecord('two'), versionWithSecret('two', 1));
  await metadata.put(servingWithSecret('three'));
  await keys.putAccount(account);
  await keys.putKey(key);
  const three = (await metadata.all()).functions.find(({ name }) => name === 'three');
  assert.deepEqual(three, servingWithSecret('three'));
  assert.match(bytesOf(functions), /sealed:1:/);
  assert.match(bytesOf(accounts), /sealed:1:/);
  for (const file of [functions, accounts]) assert.ok(!bytesOf(file).includes(SECRET), file);
});

test('another master key opens nothing, says what to do, and loses nothing', async () => {
  const right = new KeyRing([randomBytes(32)]);
  const wrong = new KeyRing([randomBytes(32)]);
  const [functions, accounts] = [newFile(), newFile()];
  {
    await using metadata = new SealedMetadataStore(await SqliteMetadataStore.open(functions), right);
    await using keys = new SealedAccountStore(await SqliteAccountStore.open(accounts), right);
    await metadata.put(withSecret('one'));
    await keys.putAccount(account);
    await keys.putKey(key);
  }
  {
    await using metadata = new SealedMetadataStore(await SqliteMetadataStore.open(functions), wrong);
    await using keys = new SealedAccountStore(await SqliteAccountStore.open(accounts), wrong);
    const refused = (error: unknown) => error instanceof MasterKeyError && /right master key/.test(error.hint);
    await assert.rejects(metadata.all(), refused);
    await assert.rejects(keys.all(), refused);
    await assert.rejects(metadata.reseal(), refused);
  }
  await using metadata = new SealedMetadataStore(await SqliteMetadataStore.open(functions), right);
  assert.deepEqual((await metadata.all()).functions, [withSecret('one')]);
});

test('a sealed text that was moved to another record does not open there', async () => {
  const ring = new KeyRing([randomBytes(32)]);
  await using inner = await SqliteMetadataStore.open(newFile());
  const store = new SealedMetadataStore(inner, ring);
  await store.put(withSecret('one'));
  const { settings } = (await inner.all()).functions[0]!;
  await inner.put({ ...functionRecord('two'), settings });
  await assert.rejects(
    store.all(),
    /function 000000000000\/us-east-1\/two has been damaged or belongs to something else/,
  );
  await store.put(functionRecord('two'));
  await inner.putVersion(versionRecord('two', 3, { settings }));
  await assert.rejects(store.all(), /function 000000000000\/us-east-1\/two\/3 has been damaged/);
});

test('with a new master key everything is sealed anew, while records change, and the old key opens nothing more', async () => {
  const [old, next] = [randomBytes(32), randomBytes(32)];
  const ring = new KeyRing([old]);
  await using inner = await SqliteMetadataStore.open(newFile());
  await using innerKeys = await SqliteAccountStore.open(newFile());
  const store = new SealedMetadataStore(inner, ring);
  const accounts = new SealedAccountStore(innerKeys, ring);
  for (let i = 0; i < 20; i++) await store.put(withSecret(`f${i}`));
  for (const name of ['f15', 'f16', 'f17']) {
    for (const version of [1, 2]) await store.put(withSecret(name), versionWithSecret(name, version));
  }
  await store.put(servingWithSecret('f14'));
  // As a Hearth that sealed nothing has left it.
  await inner.put(withSecret('plain'));
  await accounts.putAccount(account);
  await accounts.putKey(key);
  await accounts.putKey({ ...key, id: 'AKIA2' });

  ring.rotate(next);
  const resealed = Promise.all([store.reseal(), accounts.reseal()]);
  await store.put(withSecret('f19', 'changed meanwhile'));
  await store.delete(functionRecord('f18'));
  await store.deleteVersion(functionRecord('f16'), 1);
  // Another one of the same name: the versions of the first are not to come back.
  await store.delete(functionRecord('f15'));
  await store.put(withSecret('f15'));
  await accounts.deleteKey('AKIA2');
  await resealed;

  const fresh = new KeyRing([next]);
  const { functions, versions } = await new SealedMetadataStore(inner, fresh).all();
  const found = new Map(functions.map((one) => [one.name, one]));
  const numbers = versions.map(({ name, version }) => `${name}:${version}`).sort();
  assert.deepEqual(numbers, ['f16:2', 'f17:1', 'f17:2']);
  for (const one of versions) assert.deepEqual(one, versionWithSecret(one.name, one.version));
  assert.equal(found.size, 20);
  assert.deepEqual(found.get('plain'), withSecret('plain'));
  assert.deepEqual(found.get('f0'), withSecret('f0'));
  assert.deepEqual(found.get('f14'), servingWithSecret('f14'));
  assert.deepEqual(found.get('f19'), withSecret('f19', 'changed meanwhile'));
  assert.equal(found.has('f18'), false);
  assert.deepEqual((await new SealedAccountStore(innerKeys, fresh).all()).keys, [key]);
});
