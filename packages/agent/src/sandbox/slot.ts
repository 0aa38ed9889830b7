/**
 * A slot: what a sandbox needs that is slow to make. Made ahead of demand, used by one sandbox after another of the
 * same instance, and so of the same account, and cleaned in between.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '@hearth/linux';
import type { SlotNetwork } from './network.ts';

/** As on AWS. */
const MAX_PROCESSES = 1024;

/** The size of `/tmp` that a slot has unless a function asks for more. MB. */
export const DEFAULT_VOLUME_MB = 512;

export class Slot implements Disposable {
  readonly number: number;
  readonly cgroup: Cgroup;
  /** Where its volume is mounted, as the agent sees it. */
  readonly volume: string;
  volumeMb = DEFAULT_VOLUME_MB;
  readonly #network: SlotNetwork | undefined;
  #killsBefore = 0;

  constructor(number: number, cgroup: Cgroup, volume: string, network: SlotNetwork | undefined) {
    this.number = number;
    this.cgroup = cgroup;
    this.volume = volume;
    this.#network = network;
    cgroup.make();
    cgroup.setPidsLimit(MAX_PROCESSES);
    cgroup.shareFreezer();
  }

  /** Limits before the function's own are known. */
  open(memoryMb: number): void {
    this.#killsBefore = this.cgroup.outOfMemoryKills();
    this.limitMemory(memoryMb);
  }

  limitMemory(memoryMb: number): void {
    this.cgroup.setMemoryLimit(memoryMb * 1024 * 1024);
  }

  limitCpu(cores: number): void {
    this.cgroup.setCpuLimit(cores);
  }

  /** What became of the sandbox as far as memory is concerned. */
  memoryStory(): { maxBytes: number; outOfMemory: boolean } {
    return {
      maxBytes: this.cgroup.memory().max,
      outOfMemory: this.cgroup.outOfMemoryKills() > this.#killsBefore,
    };
  }

  /** Makes it as new. The sandbox's processes must have ended. */
  async clean(): Promise<void> {
    this.cgroup.kill();
    for (const name of await fs.promises.readdir(this.volume)) {
      await fs.promises.rm(join(this.volume, name), { recursive: true, force: true });
    }
    this.cgroup.setCpuLimit(undefined);
    this.cgroup.dropCache();
    this.cgroup.resetPeak();
  }

  [Symbol.dispose](): void {
    this.#network?.[Symbol.dispose]();
    this.cgroup.remove();
  }
}
