/** What a server holds on the machine beside the files it keeps, told by its names from what other servers hold. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';

/** Each entry is a line that says what it is and where. */
export interface Holdings {
  processes: string[];
  cgroups: string[];
  interfaces: string[];
  tables: string[];
  loopDevices: string[];
  mounts: string[];
  files: string[];
}

/** Where control groups are: the mount itself with version 2, a directory for each controller with version 1. */
const CGROUPS = '/sys/fs/cgroup';
/** Directories that the server fills while it runs; `run` itself may stay. */
const TEMPORARY = ['instances', 'volumes', 'run'];

/** @param data the server's data directory. */
export function holdingsOf(data: string): Holdings {
  const id = createHash('sha256').update(data).digest('hex').slice(0, 6);
  const group = `hearth-${id}`;
  return {
    processes: processes()
      .filter(({ command, groups }) => command.includes(data) || groups.includes(`/${group}/`))
      .map(({ pid, command }) => `${pid} ${command}`),
    cgroups: [
      ...['.', ...list(CGROUPS)].map((name) => join(CGROUPS, name, group)).filter((path) => fs.existsSync(path)),
      // The hierarchy without controllers that makes moves between groups quick.
      ...lines('/proc/self/cgroup').filter((line) => line.includes(`name=${group}:`)),
    ],
    interfaces: list('/sys/class/net').filter((name) => name.startsWith(`hth${id}`)),
    tables: tables().filter((line) => line.includes(group)),
    loopDevices: list('/sys/block')
      .filter((name) => name.startsWith('loop'))
      .filter((name) => read(`/sys/block/${name}/loop/backing_file`).includes(data)),
    mounts: lines('/proc/self/mountinfo').filter((line) => line.includes(data)),
    files: TEMPORARY.flatMap((name) => list(join(data, name)).map((file) => join(data, name, file))),
  };
}

export interface Process {
  pid: number;
  parent: number;
  command: string;
  /** Text of /proc/PID/cgroup. */
  groups: string;
}

/** Every process of the machine that is not ending this very moment. */
export function processes(): Process[] {
  return list('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const parent = Number(/^PPid:\t(\d+)$/m.exec(read(`/proc/${name}/status`))?.[1] ?? Number.NaN);
    const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
    if (Number.isNaN(parent)) return [];
    return [{ pid: Number(name), parent, command, groups: read(`/proc/${name}/cgroup`) }];
  });
}

/** The processes that make up a running server. */
export interface Parts {
  server: number;
  spawner: number;
  agents: number[];
  zygotes: number[];
  /** Sandboxes' first processes, spares included. */
  sandboxes: number[];
}

/** @param server the server's process. */
export function partsOf(server: number): Parts {
  const all = processes();
  const below = (parents: number[]): Process[] => all.filter(({ parent }) => parents.includes(parent));
  const spawner = below([server]).find(({ command }) => command.includes('spawner/src/main.ts'));
  if (spawner === undefined) throw new Error(`server ${server} has no spawner`);
  const inits = below([spawner.pid]).map(({ pid }) => pid);
  const agents = below(inits).flatMap(({ pid, command }) => (command.includes('agent.mjs') ? pid : []));
  const zygotes = below(agents).flatMap(({ pid, command }) => (command.includes('zygote.mjs') ? pid : []));
  return { server, spawner: spawner.pid, agents, zygotes, sandboxes: below(zygotes).map(({ pid }) => pid) };
}

/** Those of the machine: only root makes any there. */
function tables(): string[] {
  if (process.getuid!() !== 0) return [];
  const env = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' };
  return execFileSync('nft', ['list', 'tables'], { encoding: 'utf8', env }).split('\n');
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** The text of a file of the kernel's; empty where what it tells of is gone. */
function read(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

function lines(path: string): string[] {
  return read(path).split('\n');
}
