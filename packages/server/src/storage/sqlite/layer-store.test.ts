import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { layerStoreConformance } from '../conformance/layer-store.ts';
import { SqliteMetadataStore } from './metadata-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-layers-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;

layerStoreConformance('sqlite', async () => {
  const file = join(root, `${places++}.db`);
  return { open: () => SqliteMetadataStore.open(file) };
});
