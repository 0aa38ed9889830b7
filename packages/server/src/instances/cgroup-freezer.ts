import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceCgroups } from '@hearth/protocol';
import type { Freezer, SlotMemory } from './provider.ts';

interface SlotFiles {
  freezer: number;
  used: number;
  max: number;
}

interface Layout {
  freezer: string;
  frozen: Buffer;
  thawed: Buffer;
  used: string;
  max: string;
}

/** Kernel documentation: cgroup-v1/freezer-subsystem.rst, cgroup-v1/memory.rst and cgroup-v2.rst. */
const LAYOUTS: Record<1 | 2, Layout> = {
  1: {
    freezer: 'freezer.state',
    frozen: Buffer.from('FROZEN'),
    thawed: Buffer.from('THAWED'),
    used: 'memory.usage_in_bytes',
    max: 'memory.max_usage_in_bytes',
  },
  2: {
    freezer: 'cgroup.freeze',
    frozen: Buffer.from('1'),
    thawed: Buffer.from('0'),
    used: 'memory.current',
    max: 'memory.peak',
  },
};

/**
 * The freezer of an instance whose cgroups this process may write. Descriptors are opened at a slot's first use and
 * kept, so that a freeze is one system call.
 */
export class CgroupFreezer implements Freezer, Disposable {
  readonly #cgroups: InstanceCgroups;
  readonly #layout: Layout;
  readonly #slots: (SlotFiles | undefined)[] = [];
  readonly #digits = Buffer.alloc(32);
  readonly #memory: SlotMemory = { used: 0, max: 0 };

  constructor(cgroups: InstanceCgroups) {
    this.#cgroups = cgroups;
    this.#layout = LAYOUTS[cgroups.version];
  }

  freeze(slot: number): void {
    this.#write(slot, this.#layout.frozen);
  }

  thaw(slot: number): void {
    this.#write(slot, this.#layout.thawed);
  }

  memory(slot: number): SlotMemory {
    try {
      return this.#measure(this.#files(slot));
    } catch (error) {
      return this.#measure(this.#filesAnew(slot, error));
    }
  }

  [Symbol.dispose](): void {
    for (const files of this.#slots) if (files !== undefined) closeFiles(files);
    this.#slots.length = 0;
  }

  #write(slot: number, word: Buffer): void {
    try {
      writeSync(this.#files(slot).freezer, word, 0, word.length, 0);
    } catch (error) {
      writeSync(this.#filesAnew(slot, error).freezer, word, 0, word.length, 0);
    }
  }

  #measure(files: SlotFiles): SlotMemory {
    this.#memory.used = this.#readNumber(files.used);
    this.#memory.max = this.#readNumber(files.max);
    return this.#memory;
  }

  /** An agent makes a slot's group anew between two sandboxes where that alone gives it a new peak: ENODEV. @throws any other error. */
  #filesAnew(slot: number, error: unknown): SlotFiles {
    const files = this.#slots[slot];
    if (files === undefined || (error as NodeJS.ErrnoException).code !== 'ENODEV') throw error;
    this.#slots[slot] = undefined;
    closeFiles(files);
    return this.#files(slot);
  }

  #readNumber(descriptor: number): number {
    const length = readSync(descriptor, this.#digits, 0, this.#digits.length, 0);
    let value = 0;
    for (let index = 0; index < length; index++) {
      const digit = this.#digits[index]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return value;
  }

  #files(slot: number): SlotFiles {
    return (this.#slots[slot] ??= this.#open(slot));
  }

  #open(slot: number): SlotFiles {
    const opened: number[] = [];
    const open = (directory: string, file: string, flags: string): number => {
      const descriptor = openSync(join(directory, `s${slot}`, file), flags);
      opened.push(descriptor);
      return descriptor;
    };
    try {
      const { memory, freezer } = this.#cgroups;
      return {
        freezer: open(freezer, this.#layout.freezer, 'r+'),
        used: open(memory, this.#layout.used, 'r'),
        max: open(memory, this.#layout.max, 'r'),
      };
    } catch (error) {
      opened.forEach((descriptor) => closeSync(descriptor));
      throw error;
    }
  }
}

function closeFiles({ freezer, used, max }: SlotFiles): void {
  closeSync(freezer);
  closeSync(used);
  closeSync(max);
}
