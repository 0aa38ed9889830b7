/** The part of the thread of `SqliteMetadataStore` that keeps capacity providers. */
import type { DatabaseSync } from 'node:sqlite';
import type { CapacityProviderId, CapacityProviderRecord } from '../../functions/capacity-providers/record.ts';

/** What `SqliteCapacityProviderStore` asks of the thread. */
export type CapacityProviderRequest =
  | { type: 'all-capacity-providers' }
  | { type: 'put-capacity-provider'; record: CapacityProviderRecord }
  | { type: 'delete-capacity-provider'; id: CapacityProviderId };

/** A step of the schema. */
export const CAPACITY_PROVIDER_TABLE = `
  CREATE TABLE capacity_providers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
  ) STRICT, WITHOUT ROWID`;

/** Makes the function that answers one request. */
export function serveCapacityProviders(database: DatabaseSync): (request: CapacityProviderRequest) => unknown {
  const all = database.prepare('SELECT record FROM capacity_providers');
  const upsert = database.prepare(
    'INSERT INTO capacity_providers (account, region, name, record) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (account, region, name) DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM capacity_providers WHERE account = ? AND region = ? AND name = ?');
  return (request) => {
    switch (request.type) {
      case 'all-capacity-providers':
        return all.all().map((row) => JSON.parse(row['record'] as string) as CapacityProviderRecord);
      case 'put-capacity-provider': {
        const { account, region, name } = request.record;
        return void upsert.run(account, region, name, JSON.stringify(request.record));
      }
      case 'delete-capacity-provider': {
        const { account, region, name } = request.id;
        return void remove.run(account, region, name);
      }
    }
  };
}
