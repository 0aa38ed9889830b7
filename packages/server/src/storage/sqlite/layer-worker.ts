/** The thread of `SqliteLayerStore`. */
import type { LayerVersionId, LayerVersionRecord } from '../../functions/layers/layer-record.ts';
import type { LayerRecord } from '../../functions/layers/ports.ts';
import { serve } from './serve.ts';

/** What the store asks of its thread. */
export type LayerRequest =
  | { type: 'all' }
  | { type: 'put'; record: LayerVersionRecord }
  | { type: 'delete'; id: LayerVersionId };

const STEPS = [
  `CREATE TABLE layers (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     last_version INTEGER NOT NULL,
     PRIMARY KEY (account, region, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE versions (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     version INTEGER NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account, region, name, version)
   ) STRICT, WITHOUT ROWID`,
];

serve<LayerRequest>(STEPS, (database) => {
  const selectVersions = database.prepare('SELECT record FROM versions');
  const selectLayers = database.prepare('SELECT account, region, name, last_version FROM layers');
  const raise = database.prepare(
    'INSERT INTO layers (account, region, name, last_version) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT DO UPDATE SET last_version = max(last_version, excluded.last_version)',
  );
  const upsert = database.prepare(
    'INSERT INTO versions (account, region, name, version, record) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM versions WHERE account = ? AND region = ? AND name = ? AND version = ?');

  /** Both at once, or neither. */
  function put(record: LayerVersionRecord): void {
    const { account, region, name, version } = record;
    database.exec('BEGIN IMMEDIATE');
    try {
      raise.run(account, region, name, version);
      upsert.run(account, region, name, version, JSON.stringify(record));
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }

  return (request) => {
    switch (request.type) {
      case 'all':
        return {
          versions: selectVersions.all().map((row) => JSON.parse(row['record'] as string) as LayerVersionRecord),
          layers: selectLayers
            .all()
            .map(({ last_version: lastVersion, ...id }) => ({ ...id, lastVersion }) as LayerRecord),
        };
      case 'put':
        return put(request.record);
      case 'delete': {
        const { account, region, name, version } = request.id;
        return void remove.run(account, region, name, version);
      }
    }
  };
});
