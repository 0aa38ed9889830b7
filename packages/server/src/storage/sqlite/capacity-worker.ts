/** The thread of `SqliteCapacityStore`. */
import type { AccountPolicy } from '../../capacity/bought/overflow.ts';
import type { UsageQuery } from '../../capacity/bought/ports.ts';
import type { Purchase } from '../../capacity/bought/purchase.ts';
import type { UsageRow } from '../../capacity/bought/usage.ts';
import { inTransaction } from './database.ts';
import { serve } from './serve.ts';

/** What the store asks of its thread. */
export type CapacityRequest =
  | { type: 'all' }
  | { type: 'put-purchase'; record: Purchase }
  | { type: 'delete-purchase'; id: string }
  | { type: 'put-policy'; record: AccountPolicy }
  | { type: 'add-usage'; rows: readonly UsageRow[] }
  | { type: 'usage'; query: UsageQuery };

const STEPS = [
  `CREATE TABLE purchases (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE policies (account TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE usage (
     hour INTEGER NOT NULL,
     account TEXT NOT NULL,
     class TEXT NOT NULL,
     heldMbMs REAL NOT NULL,
     usedMbMs REAL NOT NULL,
     invocations INTEGER NOT NULL,
     cost REAL NOT NULL,
     PRIMARY KEY (hour, account, class)
   ) STRICT, WITHOUT ROWID`,
];

serve<CapacityRequest>(STEPS, (database) => {
  const purchases = database.prepare('SELECT record FROM purchases');
  const policies = database.prepare('SELECT record FROM policies');
  const putPurchase = database.prepare(
    'INSERT INTO purchases (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
  );
  const deletePurchase = database.prepare('DELETE FROM purchases WHERE id = ?');
  const putPolicy = database.prepare(
    'INSERT INTO policies (account, record) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET record = excluded.record',
  );
  const addUsage = database.prepare(
    `INSERT INTO usage (hour, account, class, heldMbMs, usedMbMs, invocations, cost) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (hour, account, class) DO UPDATE SET
       heldMbMs = heldMbMs + excluded.heldMbMs,
       usedMbMs = usedMbMs + excluded.usedMbMs,
       invocations = invocations + excluded.invocations,
       cost = cost + excluded.cost`,
  );
  const usage = database.prepare(
    `SELECT account, class, hour, heldMbMs, usedMbMs, invocations, cost FROM usage
     WHERE hour >= ? AND hour < ? AND (?3 IS NULL OR account = ?3) ORDER BY hour, account, class`,
  );
  const read = (row: Record<string, unknown>): unknown => JSON.parse(row['record'] as string);
  return (request) => {
    switch (request.type) {
      case 'all':
        return { purchases: purchases.all().map(read), policies: policies.all().map(read) };
      case 'put-purchase':
        return void putPurchase.run(request.record.id, JSON.stringify(request.record));
      case 'delete-purchase':
        return void deletePurchase.run(request.id);
      case 'put-policy':
        return void putPolicy.run(request.record.account, JSON.stringify(request.record));
      case 'add-usage':
        return inTransaction(database, () => {
          for (const { hour, account, class: kind, heldMbMs, usedMbMs, invocations, cost } of request.rows) {
            addUsage.run(hour, account, kind, heldMbMs, usedMbMs, invocations, cost);
          }
        });
      case 'usage':
        return usage
          .all(request.query.from, request.query.to, request.query.account ?? null)
          .map((row) => ({ ...row }));
    }
  };
});
