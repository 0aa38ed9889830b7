import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { capacityStoreConformance } from '../conformance/capacity-store.ts';
import { SqliteCapacityStore } from './capacity-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-capacity-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
capacityStoreConformance('sqlite', async () => {
  const file = join(root, `${places++}.db`);
  return { open: () => SqliteCapacityStore.open(file) };
});
