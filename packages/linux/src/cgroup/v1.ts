import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, type Controller, CONTROLLERS, CPU_PERIOD_US } from './port.ts';

/** Control groups version 1: one tree for each controller. See the kernel's admin-guide/cgroup-v1. */
export class CgroupV1 implements Cgroup {
  readonly version = 1;
  readonly directories: Readonly<Record<Controller, string>>;

  constructor(directories: Readonly<Record<Controller, string>>) {
    this.directories = directories;
  }

  make(): void {
    for (const directory of this.#all()) fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(join(this.directories.cpu, 'cpu.cfs_period_us'), String(CPU_PERIOD_US));
    // A limit is one of memory: what would go to the disk instead is slow and unlimited.
    fs.writeFileSync(join(this.directories.memory, 'memory.swappiness'), '0');
  }

  child(name: string): CgroupV1 {
    const entries = CONTROLLERS.map((controller) => [controller, join(this.directories[controller], name)] as const);
    return new CgroupV1(Object.fromEntries(entries) as Record<Controller, string>);
  }

  children(): string[] {
    const names = this.#all().flatMap((directory) => subdirectories(directory));
    return [...new Set(names)];
  }

  setMemoryLimit(bytes: number | undefined): void {
    fs.writeFileSync(join(this.directories.memory, 'memory.limit_in_bytes'), String(bytes ?? -1));
  }

  setCpuLimit(cores: number | undefined): void {
    const quota = cores === undefined ? -1 : Math.max(1000, Math.round(cores * CPU_PERIOD_US));
    fs.writeFileSync(join(this.directories.cpu, 'cpu.cfs_quota_us'), String(quota));
  }

  setCpuWeight(weight: number): void {
    fs.writeFileSync(join(this.directories.cpu, 'cpu.shares'), String(Math.round(1024 * weight)));
  }

  setPidsLimit(count: number): void {
    fs.writeFileSync(join(this.directories.pids, 'pids.max'), String(count));
  }

  memory(): { used: number; max: number } {
    return {
      used: Number(fs.readFileSync(join(this.directories.memory, 'memory.usage_in_bytes'), 'latin1')),
      max: Number(fs.readFileSync(join(this.directories.memory, 'memory.max_usage_in_bytes'), 'latin1')),
    };
  }

  resetPeak(): boolean {
    fs.writeFileSync(join(this.directories.memory, 'memory.max_usage_in_bytes'), '0');
    return true;
  }

  async dropCache(leaving: number): Promise<void> {
    if (this.memory().used <= leaving) return;
    // Not memory.force_empty, which wants all of it: where a single page is dirty, it sleeps for a tenth of a second.
    const file = join(this.directories.memory, 'memory.limit_in_bytes');
    try {
      await fs.promises.writeFile(file, String(leaving));
    } catch (error) {
      // So much can't be given back.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
    this.setMemoryLimit(undefined);
  }

  outOfMemoryKills(): number {
    const text = fs.readFileSync(join(this.directories.memory, 'memory.oom_control'), 'latin1');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  delegate(uid: number, gid: number): void {
    for (const directory of this.#all()) {
      for (const name of ['.', 'cgroup.procs', 'tasks']) fs.chownSync(join(directory, name), uid, gid);
    }
  }

  shareFreezer(): void {
    fs.chmodSync(join(this.directories.freezer, 'freezer.state'), 0o666);
  }

  entrances(): string[] {
    return this.#all().map((directory) => join(directory, 'cgroup.procs'));
  }

  processes(): number[] {
    return processesIn(this.directories.pids);
  }

  freeze(): void {
    fs.writeFileSync(join(this.directories.freezer, 'freezer.state'), 'FROZEN');
  }

  thaw(): void {
    fs.writeFileSync(join(this.directories.freezer, 'freezer.state'), 'THAWED');
  }

  kill(): void {
    for (const name of this.children()) this.child(name).kill();
    // A process can fork while we read the list, and a frozen one dies only once thawed.
    for (let pass = 0; pass < 100; pass++) {
      const pids = this.#all().flatMap((directory) => processesIn(directory));
      if (pids.length === 0) return;
      for (const pid of pids) killProcess(pid);
      this.thaw();
    }
  }

  remove(): void {
    for (const directory of this.#all()) removeTree(directory);
  }

  #all(): string[] {
    return CONTROLLERS.map((controller) => this.directories[controller]);
  }
}

export function subdirectories(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
}

export function processesIn(directory: string): number[] {
  const file = join(directory, 'cgroup.procs');
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'latin1').split('\n').filter(Boolean).map(Number);
}

/** Removes a group and those below it, leaves first. */
export function removeTree(directory: string): void {
  for (const name of subdirectories(directory)) removeTree(join(directory, name));
  if (fs.existsSync(directory)) fs.rmdirSync(directory);
}

function killProcess(pid: number): void {
  // 0 is a process of another pid namespace: it can't be named from here.
  if (pid <= 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
