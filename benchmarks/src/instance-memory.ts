/** What an instance's processes cost, by what the kernel says of each: `/proc/PID/smaps_rollup` and the group's own account. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { descendants } from './processes.ts';

/** kB, and how many processes; sums over an instance's processes of one kind. */
export interface ProcessMemory {
  processes: number;
  /**
   * Memory that only this instance has, and that its end would give back: anonymous pages, those that a zygote shares with what is
   * forked from it counted once, and private pages of files.
   */
  private: number;
  /** The part of it that one process has alone (USS). */
  unique: number;
  /** With its share of the file pages that others have mapped too: programs and libraries. */
  proportional: number;
}

export interface InstanceMemory {
  agent: ProcessMemory;
  zygotes: ProcessMemory;
  spares: ProcessMemory;
  /** What started it and waits for its end. */
  others: ProcessMemory;
  all: ProcessMemory;
  /** Charged to its control group by the kernel: slabs, page tables, stacks. What is made for it from outside isn't. */
  kernel: number;
}

const KINDS = ['agent', 'zygotes', 'spares', 'others'] as const;
type Kind = (typeof KINDS)[number];

/**
 * Memory of the instance `id` of the server `server`. Needs the right to look into other users' processes.
 *
 * @throws Error where it has no processes.
 */
export function instanceMemory(server: number, id: string): InstanceMemory {
  const pids = descendants(server)
    .map(({ pid }) => pid)
    .filter((pid) => memoryGroup(pid).includes(id));
  if (pids.length === 0) throw new Error(`no process is in the control group of ${id}`);
  const sums: Record<Kind, ProcessMemory> = { agent: none(), zygotes: none(), spares: none(), others: none() };
  const all = none();
  for (const pid of pids) {
    const memory = processMemory(pid);
    for (const sum of [sums[kindOf(pid)], all]) {
      for (const field of Object.keys(sum) as (keyof ProcessMemory)[]) sum[field] += memory[field];
    }
  }
  return { ...sums, all, kernel: kernelMemory(memoryGroup(pids[0]!), id) };
}

function none(): ProcessMemory {
  return { processes: 0, private: 0, unique: 0, proportional: 0 };
}

export function processMemory(pid: number): ProcessMemory {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1').matchAll(/^(\w+):\s+(\d+) kB$/gm);
  const fields = new Map(Array.from(lines, ([, name, value]) => [name, Number(value)]));
  const of = (name: string): number => fields.get(name) ?? 0;
  return {
    processes: 1,
    private: of('Pss_Anon') + of('Pss_Shmem') + of('Private_Clean'),
    unique: of('Private_Clean') + of('Private_Dirty'),
    proportional: of('Pss'),
  };
}

/** By its command: the agent and the zygote name their bundles; forks are called as the runtime is in a sandbox. */
function kindOf(pid: number): Kind {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  if (command.includes('/agent.mjs')) return 'agent';
  if (command.includes('/zygote.mjs')) return 'zygotes';
  return command.startsWith('/var/lang/bin/') ? 'spares' : 'others';
}

/** Path of a process's group for memory, from the root of that tree; '' where the process has ended. */
function memoryGroup(pid: number): string {
  const file = `/proc/${pid}/cgroup`;
  if (!existsSync(file)) return '';
  // Version 1 has a line for each tree; version 2's has an empty name, and may be there too.
  const lines = readFileSync(file, 'latin1')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const line = lines.find(([, names]) => names === 'memory') ?? lines.find(([, names]) => names === '');
  return line?.slice(2).join(':') ?? '';
}

/** kB that the kernel has charged to the instance's own group and those below. */
function kernelMemory(group: string, id: string): number {
  const own = group.slice(0, group.indexOf('/', group.indexOf(id)));
  const version1 = join('/sys/fs/cgroup/memory', own, 'memory.kmem.usage_in_bytes');
  if (existsSync(version1)) return Number(readFileSync(version1, 'latin1')) / 1024;
  const stat = readFileSync(join('/sys/fs/cgroup', own, 'memory.stat'), 'latin1');
  return Number(/^kernel (\d+)$/m.exec(stat)?.[1]) / 1024;
}
