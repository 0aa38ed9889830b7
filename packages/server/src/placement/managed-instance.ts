import type { InstanceState } from '@hearth/protocol';
import type { Instance } from '../instances/provider.ts';
import type { Holding } from '../capacity/holding.ts';
import { Deadline } from './deadline-queue.ts';
import type { RoomIndex, Roomy } from './room-index.ts';
import type { Sandbox } from './sandbox.ts';

/** Hashes remembered for each instance; a cache of hints, so an old one may be forgotten. */
const MAX_CODES = 4096;

/**
 * An instance of the active pool: whose it is, what is in it, and what of its memory is committed. Its deadline is the
 * end of its keep-alive, while it is empty.
 */
export class ManagedInstance extends Deadline implements Roomy {
  readonly instance: Instance;
  readonly account: string;
  /** See {@link homeOf}. */
  readonly home: string;
  /** What it has in common with the others that its account has out of the same sub-pool. */
  readonly holding: Holding;
  /** The number of the manager whose it is, for good. */
  readonly manager: number;
  /** What sandboxes may commit: its memory without the agent's and the zygote's share. */
  readonly capacityMb: number;
  /** All that hold a slot, those on their way out included. */
  readonly sandboxes = new Map<string, Sandbox>();
  /** Sandboxes by the id that their agent announced. */
  readonly connections = new Map<string, Sandbox>();
  /** Code that was placed here before, and so is in the agent's cache. */
  readonly codes = new Set<string>();
  /** Clock's time of the last release of a sandbox in it. */
  lastUsedAt = 0;
  /** Of what is committed, what sandboxes on their way out will give back. */
  releasingMb = 0;
  /** Of what is committed, what sandboxes hold that execute or are on their way to it; 0 where nothing runs. */
  busyMb = 0;
  /** Sandboxes that somebody keeps. */
  kept = 0;
  /** Its end has been ordered. */
  givenUp = false;
  roomBucket = -1;
  roomPosition = -1;
  readonly #index: RoomIndex<ManagedInstance>;
  #committedMb = 0;
  #state: InstanceState = 'active';
  #shut = false;

  constructor(
    instance: Instance,
    home: string,
    holding: Holding,
    manager: number,
    overheadMb: number,
    index: RoomIndex<ManagedInstance>,
  ) {
    super();
    this.instance = instance;
    this.account = holding.account;
    this.home = home;
    this.holding = holding;
    this.manager = manager;
    this.capacityMb = instance.memoryMb - overheadMb;
    this.#index = index;
    index.add(this);
  }

  get id(): string {
    return this.instance.id;
  }

  get state(): InstanceState {
    return this.#state;
  }

  get committedMb(): number {
    return this.#committedMb;
  }

  /** MB for a new sandbox; 0 without a slot for it. */
  get roomMb(): number {
    if (this.#state !== 'active' || this.#shut || this.sandboxes.size >= this.instance.maxSandboxes) return 0;
    return this.capacityMb - this.#committedMb;
  }

  /** Whether nothing was ever asked of what is in it. */
  get isUnused(): boolean {
    if (this.lastUsedAt !== 0) return false;
    for (const { state, keeper } of this.sandboxes.values()) if (state !== 'idle' && keeper === undefined) return false;
    return true;
  }

  /** Whether a sandbox that is here already may commit this much more. */
  fits(moreMb: number): boolean {
    return this.#committedMb + moreMb <= this.capacityMb;
  }

  /** @throws Error where it doesn't fit: whoever commits has asked before. */
  commit(mb: number): void {
    if (!this.fits(mb)) throw new Error(`instance ${this.id} has no room for ${mb} MB`);
    this.#committedMb += mb;
    this.#index.update(this);
  }

  giveBack(mb: number): void {
    this.#committedMb -= mb;
    this.#index.update(this);
  }

  add(sandbox: Sandbox): void {
    this.sandboxes.set(sandbox.id, sandbox);
    this.commit(sandbox.committedMb);
  }

  /** The sandbox's slot is clean again. */
  remove(sandbox: Sandbox): void {
    this.sandboxes.delete(sandbox.id);
    this.giveBack(sandbox.committedMb);
  }

  remember(sha256: string): void {
    this.codes.add(sha256);
    if (this.codes.size > MAX_CODES) this.codes.delete(this.codes.values().next().value!);
  }

  /** Takes no new sandboxes for the time being; those that are here go on serving. */
  shut(): void {
    this.#shut = true;
    this.#index.remove(this);
  }

  reopen(): void {
    if (!this.#shut || this.#state !== 'active') return;
    this.#shut = false;
    this.#index.add(this);
  }

  /** Takes no new work any more, however much room it has (row A7). What runs goes on. */
  drain(): void {
    if (this.#state !== 'active') return;
    this.#state = 'draining';
    this.#index.remove(this);
  }

  end(): void {
    this.drain();
    this.#state = 'terminated';
  }
}
