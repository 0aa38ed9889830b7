import type { Server } from './server.ts';

/** What the commands read of an account; docs/guides/credentials.md. Times are milliseconds since the epoch. */
export interface Account {
  id: string;
  name: string;
  createdAt: number;
  limits: { concurrency?: number };
  keys: Key[];
}

export interface Key {
  id: string;
  status: 'Active' | 'Inactive';
  createdAt: number;
  lastUsedAt?: number;
}

/** A key as it is told once, when it is made. */
export interface NewKey {
  account: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface AccountChange {
  /** Of a new account. */
  id?: string;
  name?: string;
  limits?: { concurrency: number | null };
}

const ROOT = '/_hearth/accounts';

function pathOf(id: string, key?: string): string {
  const account = `${ROOT}/${encodeURIComponent(id)}`;
  return key === undefined ? account : `${account}/keys/${encodeURIComponent(key)}`;
}

export async function listAccounts(server: Server): Promise<Account[]> {
  return (await server.json<{ accounts: Account[] }>('GET', ROOT)).accounts;
}

export function getAccount(server: Server, id: string): Promise<Account> {
  return server.json('GET', pathOf(id));
}

export function createAccount(server: Server, body: AccountChange): Promise<Account> {
  return server.json('POST', ROOT, { body });
}

export function updateAccount(server: Server, id: string, body: AccountChange): Promise<Account> {
  return server.json('PATCH', pathOf(id), { body });
}

export async function deleteAccount(server: Server, id: string): Promise<void> {
  await server.request('DELETE', pathOf(id));
}

export function createKey(server: Server, id: string): Promise<NewKey> {
  return server.json('POST', `${pathOf(id)}/keys`);
}

export function setKeyStatus(server: Server, id: string, key: string, status: Key['status']): Promise<Key> {
  return server.json('PATCH', pathOf(id, key), { body: { status } });
}

export async function deleteKey(server: Server, id: string, key: string): Promise<void> {
  await server.request('DELETE', pathOf(id, key));
}

export async function rekey(server: Server): Promise<void> {
  await server.request('POST', '/_hearth/rekey');
}
