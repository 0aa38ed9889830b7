/** Keeps slots ready, hands them out, and cleans those that come back. */
import { join } from 'node:path';
import type { Cgroup } from '@hearth/linux';
import type { AgentNetwork } from '@hearth/protocol';
import { makeSlotNetwork } from './network.ts';
import { DEFAULT_VOLUME_MB, Slot } from './slot.ts';

export interface SlotsOptions {
  cgroup: Cgroup;
  /** Directory with a mount point for each slot's volume. */
  volumes: string;
  /** Directory where network namespaces are pinned. */
  netns: string;
  network: AgentNetwork | undefined;
  /** Asks the provider for volumes; they are there once `volumesCame` is called. */
  wantVolumes: (slots: number[], sizeMb: number) => void;
  /** Serves Hearth's API on a slot's listening socket. */
  serveApi: (slot: number, listener: number) => Disposable;
  warn: (message: string) => void;
}

/** Volumes are asked for in groups, so that one round trip serves several. */
const GROUP = 16;
/** With fewer than this ready, more are made at once. */
const LEAST = 16;
const QUIET_MS = 50;

export class Slots {
  readonly #options: SlotsOptions;
  readonly #ready: Slot[] = [];
  readonly #waiting: ((slot: Slot) => void)[] = [];
  readonly #volumes = new Map<string, () => void>();
  #soon: NodeJS.Timeout | undefined;
  #made = 0;
  #target = 0;
  #max = 0;
  // oxlint-disable-next-line no-unused-private-class-members -- `??=` reads it
  #filling: Promise<void> | undefined;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** Keeps `ready` slots free at any time, and never has more than `max` in all. */
  configure(ready: number, max: number): void {
    this.#target = ready;
    this.#max = max;
    this.#fill();
  }

  /** Whether whoever wants a slot waits for a sandbox to end. */
  get areUsedUp(): boolean {
    return this.#ready.length === 0 && this.#made === this.#max;
  }

  /** Whether somebody waits for a slot. */
  get areAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** A clean slot; waits for one where all are taken. */
  take(): Promise<Slot> {
    const slot = this.#ready.pop();
    if (this.#ready.length < LEAST) this.#fill();
    else this.#fillSoon();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives its volume another size; it becomes empty. */
  async resize(slot: Slot, sizeMb: number): Promise<void> {
    await this.#askVolumes([slot.number], sizeMb);
    slot.volumeMb = sizeMb;
  }

  /** Takes a slot back after its sandbox has ended. A slot that can't be cleaned is not used again. */
  async giveBack(slot: Slot): Promise<void> {
    try {
      await slot.clean();
      if (slot.volumeMb !== DEFAULT_VOLUME_MB) await this.resize(slot, DEFAULT_VOLUME_MB);
    } catch (error) {
      this.#options.warn(`slot ${slot.number} can't be cleaned and is given up: ${String(error)}`);
      return;
    }
    this.#offer(slot);
  }

  volumesCame(slots: readonly number[]): void {
    const key = slots.join();
    this.#volumes.get(key)?.();
    this.#volumes.delete(key);
  }

  #offer(slot: Slot): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#ready.push(slot);
    else waiting(slot);
  }

  #askVolumes(slots: number[], sizeMb: number): Promise<void> {
    return new Promise((resolve) => {
      this.#volumes.set(slots.join(), resolve);
      this.#options.wantVolumes(slots, sizeMb);
    });
  }

  /** Once nobody has taken a slot for a moment: whoever takes many at once needs the processors. */
  #fillSoon(): void {
    if (this.#soon === undefined) this.#soon = setTimeout(() => this.#fill(), QUIET_MS).unref();
    else this.#soon.refresh();
  }

  #fill(): void {
    this.#filling ??= this.#makeMissing()
      .catch((error: unknown) => this.#options.warn(`no slot could be made: ${String(error)}`))
      .finally(() => {
        this.#filling = undefined;
      });
  }

  async #makeMissing(): Promise<void> {
    for (;;) {
      const missing = this.#target + this.#waiting.length - this.#ready.length;
      const count = Math.min(missing, this.#max - this.#made, GROUP);
      if (count <= 0) return;
      const numbers = Array.from({ length: count }, (_, i) => this.#made + i);
      this.#made += count;
      await this.#askVolumes(numbers, DEFAULT_VOLUME_MB);
      for (const number of numbers) {
        this.#offer(this.#make(number));
        // Making one takes about a millisecond; what else the agent has to do goes between.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #make(number: number): Slot {
    const { cgroup, volumes, netns, network, serveApi } = this.#options;
    const slotNetwork = makeSlotNetwork(number, netns, network);
    serveApi(number, slotNetwork.apiListener);
    return new Slot(number, cgroup.child(`s${number}`), join(volumes, String(number)), slotNetwork);
  }
}
