/** The part of the thread of `SqliteMetadataStore` that keeps layers. */
import type { DatabaseSync } from 'node:sqlite';
import type { LayerVersionId, LayerVersionRecord } from '../../functions/layers/layer-record.ts';
import type { LayerRecord } from '../../functions/layers/ports.ts';
import { inTransaction } from './database.ts';

/** What `SqliteLayerStore` asks of the thread. */
export type LayerRequest =
  | { type: 'all-layers' }
  | { type: 'put-layer-version'; record: LayerVersionRecord }
  | { type: 'delete-layer-version'; id: LayerVersionId };

/** A step of the schema. A layer stays when its versions go: their numbers are taken. */
export const LAYER_TABLES = `
  CREATE TABLE layers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE layer_versions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (account, region, name, version),
    FOREIGN KEY (account, region, name) REFERENCES layers
  ) STRICT, WITHOUT ROWID`;

/** Makes the function that answers one request. */
export function serveLayers(database: DatabaseSync): (request: LayerRequest) => unknown {
  const versions = database.prepare('SELECT record FROM layer_versions');
  const layers = database.prepare('SELECT account, region, name, last_version FROM layers');
  const upsertLayer = database.prepare(
    'INSERT INTO layers (account, region, name, last_version) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name) DO UPDATE SET last_version = max(last_version, excluded.last_version)',
  );
  const upsertVersion = database.prepare(
    'INSERT INTO layer_versions (account, region, name, version, record) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name, version) DO UPDATE SET record = excluded.record',
  );
  const removeVersion = database.prepare(
    'DELETE FROM layer_versions WHERE account = ? AND region = ? AND name = ? AND version = ?',
  );
  return (request) => {
    switch (request.type) {
      case 'all-layers':
        return {
          versions: versions.all().map((row) => JSON.parse(row['record'] as string) as LayerVersionRecord),
          layers: layers.all().map(({ last_version: lastVersion, ...id }) => ({ ...id, lastVersion }) as LayerRecord),
        };
      case 'put-layer-version': {
        const { account, region, name, version } = request.record;
        return inTransaction(database, () => {
          upsertLayer.run(account, region, name, version);
          upsertVersion.run(account, region, name, version, JSON.stringify(request.record));
        });
      }
      case 'delete-layer-version': {
        const { account, region, name, version } = request.id;
        return void removeVersion.run(account, region, name, version);
      }
    }
  };
}
