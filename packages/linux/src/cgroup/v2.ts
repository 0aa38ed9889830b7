import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Cgroup, type Controller, CPU_PERIOD_US } from './port.ts';
import { processesIn, removeTree, subdirectories } from './v1.ts';

/** What a group hands down to those below it. */
export const V2_CONTROLLERS = ['memory', 'cpu', 'pids'] as const;

/** Control groups version 2: one tree. See the kernel's admin-guide/cgroup-v2. */
export class CgroupV2 implements Cgroup {
  readonly version = 2;
  readonly directories: Readonly<Record<Controller, string>>;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.directories = { memory: directory, cpu: directory, pids: directory, freezer: directory };
  }

  make(): void {
    fs.mkdirSync(this.#directory, { recursive: true });
    // A limit is one of memory: what would go to the disk instead, compressed on its way or not, is slow and unlimited.
    if (fs.existsSync(join(this.#directory, 'memory.swap.max'))) this.#write('memory.swap.max', '0');
  }

  child(name: string): CgroupV2 {
    // A group without processes of its own may hand its controllers down; one that can't has them already, or never.
    const control = join(this.#directory, 'cgroup.subtree_control');
    const enabled = fs.existsSync(control) ? fs.readFileSync(control, 'latin1').split(/\s+/) : V2_CONTROLLERS;
    const missing = V2_CONTROLLERS.filter((controller) => !(enabled as readonly string[]).includes(controller));
    if (missing.length > 0) fs.writeFileSync(control, missing.map((controller) => `+${controller}`).join(' '));
    return new CgroupV2(join(this.#directory, name));
  }

  children(): string[] {
    return subdirectories(this.#directory);
  }

  setMemoryLimit(bytes: number | undefined): void {
    this.#write('memory.max', String(bytes ?? 'max'));
  }

  setCpuLimit(cores: number | undefined): void {
    const quota = cores === undefined ? 'max' : Math.max(1000, Math.round(cores * CPU_PERIOD_US));
    this.#write('cpu.max', `${quota} ${CPU_PERIOD_US}`);
  }

  setCpuWeight(weight: number): void {
    this.#write('cpu.weight', String(Math.round(100 * weight)));
  }

  setPidsLimit(count: number): void {
    this.#write('pids.max', String(count));
  }

  memory(): { used: number; max: number } {
    const peak = join(this.#directory, 'memory.peak');
    const used = Number(this.#read('memory.current'));
    // memory.peak came with Linux 5.19.
    return { used, max: fs.existsSync(peak) ? Number(fs.readFileSync(peak, 'latin1')) : used };
  }

  resetPeak(): boolean {
    // Linux 6.12 can reset it for one descriptor, but several read it here, and others than the one that would write.
    return false;
  }

  async dropCache(leaving: number): Promise<void> {
    const excess = this.memory().used - leaving;
    if (excess <= 0) return;
    try {
      await fs.promises.writeFile(join(this.#directory, 'memory.reclaim'), String(excess));
    } catch (error) {
      // EAGAIN: there was less to reclaim. ENOENT: Linux before 5.19.
      if (!['EAGAIN', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.#read('memory.events'))?.[1] ?? 0);
  }

  delegate(uid: number, gid: number): void {
    for (const name of ['.', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
      fs.chownSync(join(this.#directory, name), uid, gid);
    }
  }

  shareFreezer(): void {
    fs.chmodSync(join(this.#directory, 'cgroup.freeze'), 0o666);
  }

  entrances(): string[] {
    return [join(this.#directory, 'cgroup.procs')];
  }

  processes(): number[] {
    return processesIn(this.#directory);
  }

  freeze(): void {
    this.#write('cgroup.freeze', '1');
  }

  thaw(): void {
    this.#write('cgroup.freeze', '0');
  }

  kill(): void {
    this.#write('cgroup.kill', '1');
  }

  remove(): void {
    removeTree(this.#directory);
  }

  #read(name: string): string {
    return fs.readFileSync(join(this.#directory, name), 'latin1');
  }

  #write(name: string, value: string): void {
    fs.writeFileSync(join(this.#directory, name), value);
  }
}
