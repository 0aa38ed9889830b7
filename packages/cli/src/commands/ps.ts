import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '../client/server.ts';
import { formatAge, formatBytes } from '../output/amounts.ts';
import { table } from '../output/table.ts';

interface FleetSandbox {
  id: string;
  function: string;
  version: string;
  state: string;
  memoryUsed?: number;
  /** ISO 8601 or milliseconds since the epoch. */
  lastUsed?: string | number;
}

interface FleetInstance {
  id: string;
  provider: string;
  pool: string;
  subPool?: string;
  account?: string | null;
  memory: { total: number; committed: number; used: number };
  state: string;
  sandboxes?: FleetSandbox[];
}

/** Between two looks with `--watch`. */
const REFRESH_MS = 1000;

/** Shows instances and their sandboxes; with `watch` anew every second until the person stops it. */
export async function ps(options: { watch?: boolean; json?: boolean; signal?: AbortSignal }): Promise<void> {
  const server = new Server();
  const { signal } = options;
  for (;;) {
    const fleet = await server.json<{ instances: FleetInstance[] }>('GET', '/_hearth/fleet');
    const text = options.json === true ? `${JSON.stringify(fleet)}\n` : fleetTables(fleet.instances, Date.now());
    // Home and clear below, not a new page each time: the person may scroll up through nothing.
    const clear = options.watch === true && options.json !== true && process.stdout.isTTY ? '\u001B[H\u001B[J' : '';
    process.stdout.write(clear + text);
    if (options.watch !== true) return;
    await sleep(REFRESH_MS, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    if (signal?.aborted === true) return;
  }
}

function fleetTables(instances: FleetInstance[], now: number): string {
  if (instances.length === 0) return 'There are no instances.\n';
  const instanceRows = instances.map((instance) => [
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
  const sandboxRows = instances.flatMap((instance) =>
    (instance.sandboxes ?? []).map((sandbox) => [
      sandbox.id,
      instance.id,
      sandbox.function ?? '-',
      sandbox.version ?? '-',
      sandbox.state,
      formatBytes(sandbox.memoryUsed),
      sandbox.lastUsed === undefined ? '-' : formatAge(now - new Date(sandbox.lastUsed).getTime()),
    ]),
  );
  const head = ['INSTANCE', 'PROVIDER', 'POOL', 'ACCOUNT', 'STATE', '>USED', '>COMMITTED', '>TOTAL', '>SANDBOXES'];
  const tables = [table(head, instanceRows)];
  if (sandboxRows.length > 0) {
    const columns = ['SANDBOX', 'INSTANCE', 'FUNCTION', 'VERSION', 'STATE', '>MEMORY', '>LAST USED'];
    tables.push(table(columns, sandboxRows));
  }
  return tables.join('\n');
}
