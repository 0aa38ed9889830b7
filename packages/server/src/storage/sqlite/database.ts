import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Opens or creates the database and brings its schema up to date. Commits are durable: WAL with synchronous=FULL
 * (https://sqlite.org/pragma.html#pragma_synchronous). What is deleted is overwritten, and the file is its owner's alone.
 *
 * @param steps each takes the schema from the version of its index to the next; steps are only ever added.
 * @throws Error with a hint.
 */
export function openDatabase(file: string, steps: readonly string[]): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file);
    chmodSync(file, 0o600);
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA busy_timeout = 5000',
    );
  } catch (error) {
    throw new Error(`${file} can't be opened as a database. Hint: is its directory writable, and is it Hearth's?`, {
      cause: error,
    });
  }
  const version = database.prepare('PRAGMA user_version').get()!['user_version'] as number;
  if (version > steps.length) {
    database.close();
    throw new Error(
      `${file} was written by a newer Hearth (schema ${version}, this one knows ${steps.length}). ` +
        'Hint: start that version, or use another --data directory.',
    );
  }
  for (let step = version; step < steps.length; step += 1) {
    database.exec(`BEGIN IMMEDIATE; ${steps[step]}; PRAGMA user_version = ${step + 1}; COMMIT`);
  }
  return database;
}

/** Does all of a change or, where it throws, none of it. */
export function inTransaction(database: DatabaseSync, change: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    change();
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
