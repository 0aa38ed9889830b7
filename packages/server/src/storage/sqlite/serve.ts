/** The inside of a `DatabaseThread`. */
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './database.ts';
import type { Answer } from './thread.ts';

/**
 * Opens the database that the thread was started for and answers requests in order, until it is told to close.
 *
 * @param steps of the schema, see `openDatabase`.
 * @param prepare makes the function that answers one request; what it throws, the one who asked is told.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the requests where `serve` is called
export function serve<Request>(
  steps: readonly string[],
  prepare: (database: DatabaseSync) => (request: Request) => unknown,
): void {
  const port = parentPort!;
  const database = openDatabase((workerData as { file: string }).file, steps);
  const answer = prepare(database);
  port.on('message', ({ id, request }: { id: number; request: Request | undefined }) => {
    if (request === undefined) {
      database.close();
      port.close();
      return;
    }
    try {
      port.postMessage({ id, result: answer(request) } satisfies Answer);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      port.postMessage({ id, error: text } satisfies Answer);
    }
  });
  port.postMessage({ id: 0 } satisfies Answer);
}
