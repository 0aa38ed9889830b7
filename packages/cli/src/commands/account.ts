import * as client from '../client/accounts.ts';
import type { Account, Key, NewKey } from '../client/accounts.ts';
import { Server } from '../client/server.ts';
import { formatAge } from '../output/amounts.ts';
import { table } from '../output/table.ts';

export interface AccountOptions {
  /** 12 digits, for a new account. */
  id?: string;
  name?: string;
  /** Executions at once; `none` for the server's own limit. */
  concurrency?: number | 'none';
  json?: boolean;
}

interface Output {
  json?: boolean;
}

/** Makes an account. It has no keys yet. */
export async function create(options: AccountOptions): Promise<void> {
  const account = await client.createAccount(new Server(), changeOf(options));
  answer(
    options,
    account,
    `Created account ${account.id}.\nNow make a key:  hearth account key create ${account.id}\n`,
  );
}

export async function list(options: Output): Promise<void> {
  const accounts = await client.listAccounts(new Server());
  const now = Date.now();
  const rows = accounts.map(({ id, name, createdAt, limits, keys }) => [
    id,
    name === '' ? '-' : name,
    keys.filter(({ status }) => status === 'Active').length,
    limits.concurrency ?? '-',
    formatAge(now - createdAt),
    lastUse(keys, now),
  ]);
  const text =
    rows.length === 0
      ? 'There are no accounts yet. Make one:  hearth account create\n'
      : table(['ACCOUNT', 'NAME', '>ACTIVE KEYS', '>CONCURRENCY', '>CREATED', '>LAST USED'], rows);
  answer(options, accounts, text);
}

/** Changes an account's name or limits. */
export async function set(id: string, options: AccountOptions): Promise<void> {
  answer(options, await client.updateAccount(new Server(), id, changeOf(options)), `Changed account ${id}.\n`);
}

export async function remove(id: string, options: Output): Promise<void> {
  await client.deleteAccount(new Server(), id);
  answer(options, { deleted: id }, `Deleted account ${id}; its keys have stopped working.\n`);
}

export async function createKey(id: string, options: Output): Promise<void> {
  const key = await client.createKey(new Server(), id);
  answer(options, key, keyText(key));
}

export async function listKeys(id: string, options: Output): Promise<void> {
  const { keys } = await client.getAccount(new Server(), id);
  const now = Date.now();
  const rows = keys.map((key) => [key.id, key.status, formatAge(now - key.createdAt), lastUse([key], now)]);
  const text =
    rows.length === 0
      ? `Account ${id} has no keys. Make one:  hearth account key create ${id}\n`
      : table(['KEY', 'STATUS', '>CREATED', '>LAST USED'], rows);
  answer(options, keys, text);
}

/** Makes a second key beside the one in use, and says how to go on: at no moment is there none. */
export async function rotateKey(id: string, options: Output): Promise<void> {
  const server = new Server();
  const active = (await client.getAccount(server, id)).keys.filter(({ status }) => status === 'Active');
  const key = await client.createKey(server, id);
  const next = active.map(
    (old) =>
      `The old key ${old.id} still works. When nothing uses it any more (hearth account key list ${id}):\n` +
      `  hearth account key deactivate ${id} ${old.id}\n`,
  );
  answer(options, { ...key, replaces: active.map((old) => old.id) }, keyText(key) + next.join(''));
}

export async function setKeyStatus(id: string, key: string, status: Key['status'], options: Output): Promise<void> {
  const changed = await client.setKeyStatus(new Server(), id, key, status);
  const text =
    status === 'Active'
      ? `Key ${key} works again.\n`
      : `Key ${key} has stopped working.\nIt can be undone:  hearth account key activate ${id} ${key}\n`;
  answer(options, changed, text);
}

export async function deleteKey(id: string, key: string, options: Output): Promise<void> {
  await client.deleteKey(new Server(), id, key);
  answer(options, { deleted: key }, `Deleted key ${key}.\n`);
}

/** Has the server make a new master key and seal all secrets anew. */
export async function rekey(options: Output): Promise<void> {
  await client.rekey(new Server());
  answer(
    options,
    { rekeyed: true },
    'There is a new master key, and all secrets are sealed with it. Back it up: older backups of it open only older backups of the data.\n',
  );
}

function answer({ json }: Output, value: Account | Account[] | Key | Key[] | NewKey | object, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text);
}

/** In the form that a shell takes. */
function keyText({ account, accessKeyId, secretAccessKey }: NewKey): string {
  return (
    `Created a key of account ${account}. Its secret is not shown again:\n\n` +
    `  export AWS_ACCESS_KEY_ID=${accessKeyId}\n  export AWS_SECRET_ACCESS_KEY=${secretAccessKey}\n\n`
  );
}

function lastUse(keys: readonly Key[], now: number): string {
  const last = Math.max(...keys.map(({ lastUsedAt }) => lastUsedAt ?? -Infinity));
  return Number.isFinite(last) ? formatAge(now - last) : 'never';
}

function changeOf({ id, name, concurrency }: AccountOptions): client.AccountChange {
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(concurrency === undefined ? {} : { limits: { concurrency: concurrency === 'none' ? null : concurrency } }),
  };
}
