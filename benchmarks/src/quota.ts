/** A control group for a peer: the memory and the share of a processor that a function of some size has. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** AWS's number: this much MemorySize gives one processor. */
const MB_PER_PROCESSOR = 1769;
/** As Hearth hands out processor time, so that what both do is held up at the same grain. */
const PERIOD_US = 20_000;

let serial = 0;

export class Quota implements AsyncDisposable {
  /** One directory, or with version 1 one for each controller. */
  readonly #directories: string[];

  /** @throws where this process may not make control groups, that is, without root. */
  constructor(memoryMb: number) {
    const name = `hearth-bench-${process.pid}-${(serial += 1)}`;
    const quota = Math.round((PERIOD_US * memoryMb) / MB_PER_PROCESSOR);
    if (existsSync(join(ROOT, 'cgroup.controllers'))) {
      writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+cpu +memory');
      const directory = this.#make(join(ROOT, name));
      writeFileSync(join(directory, 'memory.max'), String(memoryMb * 2 ** 20));
      writeFileSync(join(directory, 'cpu.max'), `${quota} ${PERIOD_US}`);
      this.#directories = [directory];
    } else {
      const memory = this.#make(join(ROOT, 'memory', name));
      const cpu = this.#make(join(ROOT, 'cpu', name));
      writeFileSync(join(memory, 'memory.limit_in_bytes'), String(memoryMb * 2 ** 20));
      writeFileSync(join(cpu, 'cpu.cfs_period_us'), String(PERIOD_US));
      writeFileSync(join(cpu, 'cpu.cfs_quota_us'), String(quota));
      this.#directories = [memory, cpu];
    }
  }

  /** Command line that runs `argv` inside: Node looks at its limits when it starts. */
  wrap(argv: readonly string[]): string[] {
    const enter = this.#directories.map((directory) => `echo $$ > ${join(directory, 'cgroup.procs')}`).join(' && ');
    return ['sh', '-c', `${enter} && exec "$@"`, 'sh', ...argv];
  }

  /** The processes inside must have been told to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const directory of this.#directories) {
      for (let attempt = 0; existsSync(directory); attempt++) {
        try {
          rmdirSync(directory);
        } catch (error) {
          // The kernel needs a moment to forget a process that has ended.
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === 100) throw error;
          await delay(20);
        }
      }
    }
  }

  #make(directory: string): string {
    mkdirSync(directory);
    return directory;
  }
}
