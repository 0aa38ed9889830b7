import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { layerStoreConformance } from '../conformance/layer-store.ts';
import { SqliteLayerStore } from './layer-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-layers-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
const newFile = () => join(root, `${places++}.db`);

layerStoreConformance('sqlite', async () => {
  const file = newFile();
  return { open: () => SqliteLayerStore.open(file) };
});

test('the file is for its owner only', async () => {
  const file = newFile();
  await using _store = await SqliteLayerStore.open(file);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});
