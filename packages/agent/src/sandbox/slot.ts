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

/**
 * What a sandbox may leave charged to its successor: less than a report shows, and all that most leave. Caches of the
 * file system, mainly, which the kernel takes back where memory is short.
 */
const LEFTOVER_BYTES = 1024 * 1024;

const REMOVE_PASSES = 500;
const REMOVE_PAUSE_MS = 4;

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
    this.#makeCgroup();
  }

  #makeCgroup(): void {
    this.cgroup.make();
    this.cgroup.setPidsLimit(MAX_PROCESSES);
    this.cgroup.shareFreezer();
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
    // Most leave no file: seen at once. Those who leave many don't keep the agent from its work.
    if (!isEmpty(this.volume)) await makeEmpty(this.volume);
    this.cgroup.setCpuLimit(undefined);
    await this.cgroup.dropCache(LEFTOVER_BYTES);
    if (!this.cgroup.resetPeak()) await this.#renewCgroup();
  }

  /** What looks at the group through descriptors finds out by their errors. */
  async #renewCgroup(): Promise<void> {
    for (let pass = 1; ; pass++) {
      try {
        this.cgroup.remove();
        break;
      } catch (error) {
        // The kernel may take a moment to let go of who has ended.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || pass === REMOVE_PASSES) throw error;
        await new Promise((resolve) => setTimeout(resolve, REMOVE_PAUSE_MS));
      }
    }
    this.#makeCgroup();
  }

  [Symbol.dispose](): void {
    this.#network?.[Symbol.dispose]();
    this.cgroup.remove();
  }
}

function isEmpty(directory: string): boolean {
  const listing = fs.opendirSync(directory, { bufferSize: 1 });
  try {
    return listing.readSync() === null;
  } finally {
    listing.closeSync();
  }
}

async function makeEmpty(directory: string): Promise<void> {
  for (const name of await fs.promises.readdir(directory)) {
    await fs.promises.rm(join(directory, name), { recursive: true, force: true });
  }
}
