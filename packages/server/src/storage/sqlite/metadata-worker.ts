/** The thread of `SqliteMetadataStore`. */
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionId } from '../../functions/ports.ts';
import { serve } from './serve.ts';

/** What the store asks of its thread. */
export type MetadataRequest =
  | { type: 'all' }
  | { type: 'put'; record: FunctionRecord }
  | { type: 'delete'; function: FunctionId };

const STEPS = [
  `CREATE TABLE functions (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account, region, name)
   ) STRICT, WITHOUT ROWID`,
];

serve<MetadataRequest>(STEPS, (database) => {
  const selectAll = database.prepare('SELECT record FROM functions');
  const upsert = database.prepare(
    'INSERT INTO functions (account, region, name, record) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name) DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM functions WHERE account = ? AND region = ? AND name = ?');
  return (request) => {
    switch (request.type) {
      case 'all':
        return selectAll.all().map((row) => JSON.parse(row['record'] as string) as FunctionRecord);
      case 'put': {
        const { account, region, name } = request.record;
        return void upsert.run(account, region, name, JSON.stringify(request.record));
      }
      case 'delete': {
        const { account, region, name } = request.function;
        return void remove.run(account, region, name);
      }
    }
  };
});
