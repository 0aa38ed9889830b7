import { readFileSync } from 'node:fs';
import { descendants } from '../processes.ts';
import type { Hearth } from '../hearth.ts';

/** What the fleet's JSON says, as far as it is looked at here. */
interface FleetView {
  instances: { id: string; account: string | null; sandboxes: { state: string }[] }[];
}

interface CapacityView {
  purchases: {
    id: string;
    class: string;
    state: string;
    instances: { target: number; ready: number; inUse: number };
  }[];
}

/** One look at the server. MB. */
export interface Sample {
  readonly minute: number;
  /** Resident memory of the server's own process. */
  readonly serverMb: number;
  /** Private memory of all its processes, sandboxes included. */
  readonly allMb: number;
  readonly instances: number;
  readonly sandboxes: number;
}

/** How often purchases are looked at, and memory. */
export const LOOK_MS = 1_000;
const MEMORY_EVERY = 15;

/** Looks at a server again and again. */
export class SoakWatch {
  readonly #hearth: Hearth;
  readonly #started = performance.now();
  readonly #owners = new Map<string, string>();
  /** Since when a purchase has had fewer instances than it should have, by id. */
  readonly #shortSince = new Map<string, number>();
  #looks = 0;
  readonly samples: Sample[] = [];
  /** Instances that have been seen with two accounts. */
  shared = 0;
  /** The longest time for which a purchase of each class had less than was bought: ms. */
  readonly longestShort = new Map<string, number>();

  constructor(hearth: Hearth) {
    this.#hearth = hearth;
  }

  async look(): Promise<void> {
    const fleet = (await this.#hearth.operator('fleet')) as FleetView;
    for (const { id, account } of fleet.instances) {
      if (account === null) continue;
      const owner = this.#owners.get(id);
      if (owner !== undefined && owner !== account) this.shared++;
      this.#owners.set(id, account);
    }
    const { purchases } = (await this.#hearth.operator('capacity')) as CapacityView;
    const now = performance.now();
    for (const { id, class: kind, state } of purchases) {
      if (state !== 'short') {
        this.#shortSince.delete(id);
        continue;
      }
      const since = this.#shortSince.get(id) ?? now;
      this.#shortSince.set(id, since);
      this.longestShort.set(kind, Math.max(this.longestShort.get(kind) ?? 0, now - since));
    }
    if (this.#looks++ % MEMORY_EVERY === 0) this.#measure(fleet);
  }

  #measure({ instances }: FleetView): void {
    let allKb = 0;
    for (const { pid } of descendants(this.#hearth.pid)) allKb += privateKb(pid);
    this.samples.push({
      minute: (performance.now() - this.#started) / 60_000,
      serverMb: field(this.#hearth.pid, 'status', 'VmRSS') / 1024,
      allMb: allKb / 1024,
      instances: instances.length,
      sandboxes: instances.reduce((sum, { sandboxes }) => sum + sandboxes.length, 0),
    });
  }
}

function privateKb(pid: number): number {
  return field(pid, 'smaps_rollup', 'Private_Clean') + field(pid, 'smaps_rollup', 'Private_Dirty');
}

/** A number of kilobytes from a file of /proc/PID; 0 where the process has ended. */
function field(pid: number, file: string, name: string): number {
  try {
    return Number(
      new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0,
    );
  } catch {
    // It has ended since it was found.
    return 0;
  }
}
