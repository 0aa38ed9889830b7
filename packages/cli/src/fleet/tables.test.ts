import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fleet, FleetInstance } from './fleet.ts';
import { poolLines } from './fleet.ts';
import { Lately } from './lately.ts';
import { fleetTables } from './tables.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const memory = { total: 2e9, committed: 256e6, used: 8.4e6 };
const warm = (id: string): FleetInstance => ({
  id,
  provider: 'local',
  pool: 'warming',
  subPool: 'general',
  account: null,
  memory: { total: 2e9, committed: 0, used: 0 },
  state: 'warm',
  sandboxes: [],
});
const active: FleetInstance = {
  ...warm('i-2'),
  pool: 'active',
  account: '111111111111',
  memory,
  state: 'active',
  sandboxes: [
    {
      id: 's-2',
      function: 'idler',
      version: '3',
      state: 'idle',
      memoryUsed: 4.2e6,
      lastUsed: NOW - 61_000,
      keptUntil: new Date(NOW + 3_599_000).toISOString(),
      keptWhy: 'it is worth it',
    },
    { id: 's-1', function: 'worker', version: '$LATEST', state: 'executing', memoryUsed: 0, lastUsed: null },
  ],
};
const general = (target: number, ready: number, booting: number): NonNullable<Fleet['warmingPool']> => ({
  general: { configurations: [{ name: 'nodejs26.x/2048', target, ready, booting }] },
});

test('pools, instances and sandboxes are a table each, in an order that stays', () => {
  const fleet: Fleet = { instances: [warm('i-1'), active], warmingPool: general(2, 1, 1) };
  assert.equal(
    fleetTables(fleet, NOW),
    `POOL     SUB-POOL  CONFIGURATION    TARGET  READY  BOOTING  IN USE
warming  general   nodejs26.x/2048       2      1        1       0
active   general   -                     -      -        -       1

INSTANCE  PROVIDER  POOL             ACCOUNT       STATE     USED  COMMITTED   TOTAL  SANDBOXES
i-2       local     active/general   111111111111  active  8.4 MB     256 MB  2.0 GB          2
i-1       local     warming/general  -             warm       0 B        0 B  2.0 GB          0

SANDBOX  INSTANCE  FUNCTION  VERSION  STATE      MEMORY  LAST USED  KEPT FOR  WHY
s-1      i-2       worker    $LATEST  executing     0 B          -         -  -
s-2      i-2       idler     3        idle       4.2 MB         1m       59m  it is worth it
`,
  );
  assert.equal(fleetTables({ ...fleet, instances: fleet.instances.toReversed() }, NOW), fleetTables(fleet, NOW));
});

test('sub-pools of which nothing is declared are counted from their instances', () => {
  const dedicated = { ...warm('i-3'), subPool: 'dedicated-1', account: '111111111111' };
  assert.deepEqual(
    poolLines({ instances: [warm('i-1'), dedicated, active] }).map(({ pool, subPool, ready, inUse }) => [
      pool,
      subPool,
      ready,
      inUse,
    ]),
    [
      ['warming', 'general', 1, 0],
      ['warming', 'dedicated-1', 1, 0],
      ['active', 'general', undefined, 1],
    ],
  );
  assert.equal(fleetTables({ instances: [] }, NOW), 'There are no instances.\n');
});

test('a pool that empties and fills again shows it', () => {
  const lately = new Lately();
  let text = '';
  for (const ready of [2, 2, 0, 0, 1, 2, 12]) {
    const fleet: Fleet = { instances: [], warmingPool: general(2, ready, 2 - Math.min(2, ready)) };
    lately.add(poolLines(fleet));
    text = fleetTables(fleet, NOW, lately);
  }
  assert.match(text, /READY LATELY\nwarming .* 220012\+\n/);
  for (let look = 0; look < 100; look++) lately.add(poolLines({ instances: [], warmingPool: general(2, 3, 0) }));
  assert.equal(lately.of(poolLines({ instances: [], warmingPool: general(2, 3, 0) })[0]!), '3'.repeat(20));
});
