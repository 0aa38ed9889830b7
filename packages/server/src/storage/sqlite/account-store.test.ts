import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { accountStoreConformance } from '../conformance/account-store.ts';
import { SqliteAccountStore } from './account-store.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-accounts-'));
});
after(() => rm(root, { recursive: true }));

let places = 0;
accountStoreConformance('sqlite', async () => {
  const file = join(root, `${places++}.db`);
  return { open: () => SqliteAccountStore.open(file) };
});
