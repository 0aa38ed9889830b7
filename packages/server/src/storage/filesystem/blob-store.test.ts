import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { blobStoreConformance } from '../conformance/blob-store.ts';
import { FilesystemBlobStore } from './blob-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-blobs-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
const newDirectory = () => join(root, String(places++));

blobStoreConformance('filesystem', async () => {
  const directory = newDirectory();
  return { open: () => FilesystemBlobStore.open(directory) };
});

test('what a crash left half written is removed at the next start and was never a blob', async () => {
  const directory = newDirectory();
  await FilesystemBlobStore.open(directory);
  await writeFile(join(directory, 'incoming', 'left-over'), 'half');
  const store = await FilesystemBlobStore.open(directory);
  assert.deepEqual(await readdir(join(directory, 'incoming')), []);
  assert.deepEqual(await store.list(), []);
});

test('a put leaves no temporary file behind', async () => {
  const directory = newDirectory();
  const store = await FilesystemBlobStore.open(directory);
  await store.put(Buffer.from('x'));
  await store.put(Buffer.from('x'));
  assert.deepEqual(await readdir(join(directory, 'incoming')), []);
});
