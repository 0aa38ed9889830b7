import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Each step takes the schema from the version of its index to the next. Steps are only ever added. */
const STEPS = [
  `CREATE TABLE functions (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account, region, name)
   ) STRICT, WITHOUT ROWID`,
];

/**
 * Opens or creates the database and brings its schema up to date. Commits are durable: WAL with synchronous=FULL
 * (https://sqlite.org/pragma.html#pragma_synchronous). The file is its owner's alone, for it holds environment variables.
 *
 * @throws Error with a hint.
 */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file);
    chmodSync(file, 0o600);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000');
  } catch (error) {
    throw new Error(`${file} can't be opened as a database. Hint: is its directory writable, and is it Hearth's?`, {
      cause: error,
    });
  }
  const version = database.prepare('PRAGMA user_version').get()!['user_version'] as number;
  if (version > STEPS.length) {
    database.close();
    throw new Error(
      `${file} was written by a newer Hearth (schema ${version}, this one knows ${STEPS.length}). ` +
        'Hint: start that version, or use another --data directory.',
    );
  }
  for (let step = version; step < STEPS.length; step += 1) {
    database.exec(`BEGIN IMMEDIATE; ${STEPS[step]}; PRAGMA user_version = ${step + 1}; COMMIT`);
  }
  return database;
}
