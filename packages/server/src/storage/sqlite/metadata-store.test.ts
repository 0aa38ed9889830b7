import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { functionRecord, metadataStoreConformance, versionRecord } from '../conformance/metadata-store.ts';
import { SqliteMetadataStore } from './metadata-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-metadata-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
const newFile = () => join(root, `${places++}.db`);

metadataStoreConformance('sqlite', async () => {
  const file = newFile();
  return { open: () => SqliteMetadataStore.open(file) };
});

test('the file is for its owner only', async () => {
  const file = newFile();
  await using _store = await SqliteMetadataStore.open(file);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(`${file}-wal`)).mode & 0o777, 0o600);
});

test('a file of before there were versions keeps its functions, and takes versions', async () => {
  const file = newFile();
  const database = new DatabaseSync(file);
  // The first schema, as it was released.
  database.exec(
    `CREATE TABLE functions (account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL,
       PRIMARY KEY (account, region, name)) STRICT, WITHOUT ROWID; PRAGMA user_version = 1`,
  );
  database
    .prepare('INSERT INTO functions VALUES (?, ?, ?, ?)')
    .run('000000000000', 'us-east-1', 'old', JSON.stringify(functionRecord('old')));
  database.close();
  await using store = await SqliteMetadataStore.open(file);
  assert.deepEqual(await store.all(), { functions: [functionRecord('old')], versions: [] });
  await store.put(functionRecord('old', { lastVersion: 1 }), versionRecord('old', 1));
  assert.deepEqual((await store.all()).versions, [versionRecord('old', 1)]);
});

test('a file of a newer Hearth is left alone, with a hint', async () => {
  const file = newFile();
  await (await SqliteMetadataStore.open(file))[Symbol.asyncDispose]();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assert.rejects(SqliteMetadataStore.open(file), /newer Hearth .* Hint:/);
});

test('what is no database is not overwritten', async () => {
  const file = newFile();
  await writeFile(file, 'something else entirely, of some length, that is not a database '.repeat(20));
  await assert.rejects(SqliteMetadataStore.open(file), /can't be opened as a database. Hint:/);
});
