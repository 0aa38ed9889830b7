/**
 * A control group, whichever version of the kernel's interface is behind it. Paths are plain directories, so the same
 * code serves the spawner on the machine and the agent on what it was given of it.
 */
export interface Cgroup {
  readonly version: 1 | 2;
  /** The directories of this group: one, or with version 1 one for each controller. */
  readonly directories: Readonly<Record<Controller, string>>;
  /** Makes the group if it isn't there. Its memory is never swapped out. */
  make(): void;
  /** The group below this one; it is not made by this call. */
  child(name: string): Cgroup;
  children(): string[];
  /** Bytes; undefined lifts the limit. */
  setMemoryLimit(bytes: number | undefined): void;
  /** Cores, fractions allowed; undefined lifts the limit. */
  setCpuLimit(cores: number | undefined): void;
  /** The share of a processor that it gets where others want it too: 1 is what everybody has. */
  setCpuWeight(weight: number): void;
  setPidsLimit(count: number): void;
  /** Bytes used now, and the most since the last `resetPeak`. */
  memory(): { used: number; max: number };
  /** @returns false where the kernel keeps the peak for the group's life: only a group made anew has a new one. */
  resetPeak(): boolean;
  /**
   * Gives back what ended processes left charged, page cache and the kernel's own, until no more than `leaving` bytes
   * are. Best effort. The group must be empty.
   */
  dropCache(leaving: number): Promise<void>;
  /** How many processes the kernel has killed here for want of memory. */
  outOfMemoryKills(): number;
  /** Lets this user and group make groups and move processes below, but not lift this group's own limits. */
  delegate(uid: number, gid: number): void;
  /** Lets anybody who can reach the directory freeze and thaw. */
  shareFreezer(): void;
  /** Files into which a process writes `0` to enter. */
  entrances(): string[];
  processes(): number[];
  freeze(): void;
  thaw(): void;
  /** Ends every process in the group and below, frozen ones too. */
  kill(): void;
  /** Removes the group and those below; they must be empty of processes. */
  remove(): void;
}

export type Controller = 'memory' | 'cpu' | 'pids' | 'freezer';

export const CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'pids', 'freezer'];

/**
 * Length of the period in which a CPU limit is enforced, in microseconds. Whoever has used up his share waits for the next: with
 * the kernel's default of 100,000 that can be most of a tenth of a second.
 */
export const CPU_PERIOD_US = 20_000;
