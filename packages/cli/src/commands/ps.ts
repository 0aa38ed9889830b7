import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '../client/server.ts';
import { poolLines } from '../fleet/fleet.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { Lately } from '../fleet/lately.ts';
import { fleetTables } from '../fleet/tables.ts';
import { LiveScreen } from '../output/live-screen.ts';

/** Between two looks with `--watch`: an instance that boots takes about as long. */
const REFRESH_MS = 500;

export interface PsOptions {
  watch?: boolean;
  json?: boolean;
  signal?: AbortSignal;
}

/** Shows pools, instances and their sandboxes; with `watch` anew twice a second until the person stops it. */
export async function ps(options: PsOptions): Promise<void> {
  const server = new Server();
  const { signal } = options;
  const look = () => server.json<Fleet>('GET', '/_hearth/fleet', { signal });
  // What can't be had at all is told before the terminal is touched.
  const first = await look();
  if (options.watch !== true) return print(first, options);
  using screen = options.json !== true && process.stdout.isTTY ? new LiveScreen(process.stdout) : undefined;
  const lately = new Lately();
  try {
    for (let fleet = first; ; fleet = await look()) {
      lately.add(poolLines(fleet));
      if (screen === undefined) print(fleet, options);
      else screen.show(fleetTables(fleet, Date.now(), lately));
      await sleep(REFRESH_MS, undefined, signal === undefined ? {} : { signal });
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

function print(fleet: Fleet, { json, watch }: PsOptions): void {
  if (json === true) process.stdout.write(`${JSON.stringify(fleet)}\n`);
  else process.stdout.write(`${fleetTables(fleet, Date.now())}${watch === true ? '\n' : ''}`);
}
