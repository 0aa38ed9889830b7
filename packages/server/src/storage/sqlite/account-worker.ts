/** The thread of `SqliteAccountStore`. */
import type { AccountRecord, KeyRecord } from '../../auth/accounts/account.ts';
import { serve } from './serve.ts';

/** What the store asks of its thread. */
export type AccountRequest =
  | { type: 'all' }
  | { type: 'put-account'; record: AccountRecord }
  | { type: 'delete-account'; id: string }
  | { type: 'put-key'; record: KeyRecord }
  | { type: 'delete-key'; id: string };

const STEPS = [
  `CREATE TABLE accounts (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE keys (
     id TEXT PRIMARY KEY,
     account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
     record TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX keys_of_account ON keys (account)`,
];

serve<AccountRequest>(STEPS, (database) => {
  const accounts = database.prepare('SELECT record FROM accounts');
  const keys = database.prepare('SELECT record FROM keys');
  const putAccount = database.prepare(
    'INSERT INTO accounts (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
  );
  const deleteAccount = database.prepare('DELETE FROM accounts WHERE id = ?');
  const putKey = database.prepare(
    'INSERT INTO keys (id, account, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
  );
  const deleteKey = database.prepare('DELETE FROM keys WHERE id = ?');
  const read = (row: Record<string, unknown>): unknown => JSON.parse(row['record'] as string);
  return (request) => {
    switch (request.type) {
      case 'all':
        return { accounts: accounts.all().map(read), keys: keys.all().map(read) };
      case 'put-account':
        return void putAccount.run(request.record.id, JSON.stringify(request.record));
      case 'delete-account':
        return void deleteAccount.run(request.id);
      case 'put-key':
        return void putKey.run(request.record.id, request.record.account, JSON.stringify(request.record));
      case 'delete-key':
        return void deleteKey.run(request.id);
    }
  };
});
