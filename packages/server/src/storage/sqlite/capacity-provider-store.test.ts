import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { capacityProviderStoreConformance } from '../conformance/capacity-provider-store.ts';
import { SqliteMetadataStore } from './metadata-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-providers-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;

capacityProviderStoreConformance('sqlite', async () => {
  const file = join(root, `${places++}.db`);
  return { open: () => SqliteMetadataStore.open(file) };
});
