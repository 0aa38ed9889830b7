/** The thread of `SqliteMetadataStore`. */
import type { FunctionId, FunctionRecord, VersionRecord } from '../../functions/function-record.ts';
import {
  CAPACITY_PROVIDER_TABLE,
  type CapacityProviderRequest,
  serveCapacityProviders,
} from './capacity-provider-table.ts';
import { inTransaction } from './database.ts';
import { LAYER_TABLES, type LayerRequest, serveLayers } from './layer-tables.ts';
import { serve } from './serve.ts';

/** What the store asks of its thread. */
export type MetadataRequest =
  | { type: 'all' }
  | { type: 'put'; record: FunctionRecord; published: VersionRecord | undefined }
  | { type: 'put-version'; version: VersionRecord }
  | { type: 'delete'; function: FunctionId }
  | { type: 'delete-version'; function: FunctionId; version: number };

const STEPS = [
  `CREATE TABLE functions (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account, region, name)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE versions (
     account TEXT NOT NULL,
     region TEXT NOT NULL,
     name TEXT NOT NULL,
     version INTEGER NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account, region, name, version),
     FOREIGN KEY (account, region, name) REFERENCES functions ON DELETE CASCADE
   ) STRICT, WITHOUT ROWID`,
  LAYER_TABLES,
  CAPACITY_PROVIDER_TABLE,
];

serve<MetadataRequest | LayerRequest | CapacityProviderRequest>(STEPS, (database) => {
  const answerCapacityProviders = serveCapacityProviders(database);
  const answerLayers = serveLayers(database);
  const functions = database.prepare('SELECT record FROM functions');
  const versions = database.prepare('SELECT record FROM versions');
  const upsert = database.prepare(
    'INSERT INTO functions (account, region, name, record) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name) DO UPDATE SET record = excluded.record',
  );
  const upsertVersion = database.prepare(
    'INSERT INTO versions (account, region, name, version, record) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name, version) DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM functions WHERE account = ? AND region = ? AND name = ?');
  const removeVersion = database.prepare(
    'DELETE FROM versions WHERE account = ? AND region = ? AND name = ? AND version = ?',
  );
  const read = (row: Record<string, unknown>): unknown => JSON.parse(row['record'] as string);
  const put = (record: FunctionRecord): void => {
    upsert.run(record.account, record.region, record.name, JSON.stringify(record));
  };
  const putVersion = (record: VersionRecord): void => {
    upsertVersion.run(record.account, record.region, record.name, record.version, JSON.stringify(record));
  };
  return (request) => {
    switch (request.type) {
      case 'all':
        return { functions: functions.all().map(read), versions: versions.all().map(read) };
      case 'put': {
        const { record, published } = request;
        if (published === undefined) return put(record);
        return inTransaction(database, () => {
          put(record);
          putVersion(published);
        });
      }
      case 'put-version':
        return putVersion(request.version);
      case 'delete': {
        const { account, region, name } = request.function;
        return void remove.run(account, region, name);
      }
      case 'delete-version': {
        const { account, region, name } = request.function;
        return void removeVersion.run(account, region, name, request.version);
      }
      case 'all-capacity-providers':
      case 'put-capacity-provider':
      case 'delete-capacity-provider':
        return answerCapacityProviders(request);
      default:
        return answerLayers(request);
    }
  };
});
