import { formatAge, formatBytes } from '../output/amounts.ts';
import { table } from '../output/table.ts';
import { poolLines } from './fleet.ts';
import type { Fleet, FleetInstance, FleetSandbox } from './fleet.ts';
import type { Lately } from './lately.ts';

/** States of sandboxes in the order in which they are of interest. */
const STATES = ['executing', 'initialising', 'starting', 'shutting-down', 'idle'];

/**
 * Pools, instances and sandboxes, each as a table.
 *
 * @param now milliseconds since the epoch.
 * @param lately adds how many were ready before.
 */
export function fleetTables(fleet: Fleet, now: number, lately?: Lately): string {
  const instances = fleet.instances.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
  const parts = [poolTable(fleet, lately)];
  if (instances.length > 0) parts.push(instanceTable(instances));
  else parts.push('There are no instances.\n');
  if (instances.some(({ sandboxes = [] }) => sandboxes.length > 0)) parts.push(sandboxTable(instances, now));
  return parts.filter((part) => part !== '').join('\n');
}

function poolTable(fleet: Fleet, lately: Lately | undefined): string {
  const lines = poolLines(fleet);
  if (lines.length === 0) return '';
  const head = ['POOL', 'SUB-POOL', 'CONFIGURATION', '>TARGET', '>READY', '>BOOTING', '>IN USE'];
  const rows = lines.map((line) => [
    line.pool,
    line.subPool,
    line.configuration || '-',
    line.target ?? '-',
    line.ready ?? '-',
    line.booting ?? '-',
    line.inUse,
    ...(lately === undefined ? [] : [lately.of(line)]),
  ]);
  return table(lately === undefined ? head : [...head, 'READY LATELY'], rows);
}

function instanceTable(instances: readonly FleetInstance[]): string {
  const rows = instances.map((instance) => [
    instance.id,
    instance.provider,
    instance.subPool === undefined ? instance.pool : `${instance.pool}/${instance.subPool}`,
    instance.account ?? '-',
    instance.state,
    formatBytes(instance.memory.used),
    formatBytes(instance.memory.committed),
    formatBytes(instance.memory.total),
    instance.sandboxes?.length ?? 0,
  ]);
  const head = ['INSTANCE', 'PROVIDER', 'POOL', 'ACCOUNT', 'STATE', '>USED', '>COMMITTED', '>TOTAL', '>SANDBOXES'];
  return table(head, rows);
}

function sandboxTable(instances: readonly FleetInstance[], now: number): string {
  const all = instances.flatMap((instance) => (instance.sandboxes ?? []).map((sandbox) => ({ instance, sandbox })));
  const rows = all
    .toSorted((a, b) => rank(a.sandbox) - rank(b.sandbox) || a.sandbox.id.localeCompare(b.sandbox.id))
    .map(({ instance, sandbox }) => [
      sandbox.id,
      instance.id,
      sandbox.function,
      sandbox.version,
      sandbox.state,
      formatBytes(sandbox.memoryUsed),
      sandbox.lastUsed === undefined || sandbox.lastUsed === null
        ? '-'
        : formatAge(now - new Date(sandbox.lastUsed).getTime()),
      sandbox.keptUntil == null ? '-' : formatAge(new Date(sandbox.keptUntil).getTime() - now),
      sandbox.keptWhy ?? '-',
    ]);
  return table(
    ['SANDBOX', 'INSTANCE', 'FUNCTION', 'VERSION', 'STATE', '>MEMORY', '>LAST USED', '>KEPT FOR', 'WHY'],
    rows,
  );
}

function rank({ state }: FleetSandbox): number {
  const index = STATES.indexOf(state);
  return index < 0 ? STATES.length : index;
}

/** An order that stays the same from look to look. */
function keyOf({ pool, account, id }: FleetInstance): string {
  return `${pool === 'warming' ? 1 : 0} ${account ?? ''} ${id}`;
}
