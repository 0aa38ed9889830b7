/** The thread that owns the database. Requests are answered in order. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './database.ts';
import type { Answer, Request } from './messages.ts';

const port = parentPort!;
const database = openDatabase((workerData as { file: string }).file);
const selectAll = database.prepare('SELECT record FROM functions');
const upsert = database.prepare(
  'INSERT INTO functions (account, region, name, record) VALUES (?, ?, ?, ?) ' +
    'ON CONFLICT (account, region, name) DO UPDATE SET record = excluded.record',
);
const remove = database.prepare('DELETE FROM functions WHERE account = ? AND region = ? AND name = ?');

function answer(request: Request): Answer {
  const { id } = request;
  switch (request.type) {
    case 'all':
      return { id, records: selectAll.all().map((row) => JSON.parse(row['record'] as string)) };
    case 'put': {
      const { account, region, name } = request.record;
      upsert.run(account, region, name, JSON.stringify(request.record));
      return { id };
    }
    case 'delete': {
      const { account, region, name } = request.function;
      remove.run(account, region, name);
      return { id };
    }
    case 'close':
      database.close();
      port.close();
      return { id };
  }
}

port.on('message', (request: Request) => {
  try {
    port.postMessage(answer(request));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id: request.id, error: `the metadata store failed: ${message}` } satisfies Answer);
  }
});
port.postMessage({ id: 0 } satisfies Answer);
