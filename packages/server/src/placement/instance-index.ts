import type { CapacityClass, FunctionSpec, InstanceStep } from '@hearth/protocol';
import type { Holding } from '../capacity/holding.ts';
import { homeOf } from './home.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { RoomIndex } from './room-index.ts';

/** Instances with the code that are looked at before any with room will do: the search must not grow with their number. */
const CODE_PROBES = 8;

/** Where a new sandbox goes, and why. */
export interface Rung {
  readonly instance: ManagedInstance;
  readonly step: InstanceStep;
  /** The step of the ladder that it is. */
  readonly name: 'code' | 'room' | 'warming' | 'boot';
  readonly reason: string;
}

/** The same place for a request that has waited since then, by the clock: where its instance was made meanwhile, that is the step. */
export function forOneWhoWaited(rung: Rung, since: number): Rung {
  if (rung.name === 'boot' || rung.instance.instance.readyAt < since) return rung;
  return { ...rung, step: 'boot', name: 'boot', reason: 'no instance had room and none was warm; one was made' };
}

const NO_INSTANCE = { code: 'the account has no instance', room: 'the account has no instance' };
const NO_CODE = 'no instance of the account has the code';

/** The active instances of one home out of one sub-pool. */
interface Part {
  readonly holding: Holding;
  readonly room: RoomIndex<ManagedInstance>;
  readonly byCode: Map<string, Set<ManagedInstance>>;
  count: number;
}

/** The active instances of one home. */
interface HomeInstances {
  readonly instances: Set<ManagedInstance>;
  /** In the order in which they are used. */
  readonly parts: Part[];
}

/** What is guaranteed comes first, then what is paid for by use. */
const ORDER: readonly CapacityClass[] = ['dedicated', 'reserved', 'on-demand', 'variable'];

/**
 * The instances of the active pool, found by home (home.ts) and sub-pool, then by the code they have and the room: steps 2 and 3 of the
 * ladder.
 */
export class InstanceIndex {
  readonly #homes = new Map<string, HomeInstances>();

  get homes(): Iterable<string> {
    return this.#homes.keys();
  }

  countOf(home: string): number {
    return this.#homes.get(home)?.instances.size ?? 0;
  }

  instancesOf(home: string): Iterable<ManagedInstance> {
    return this.#homes.get(home)?.instances ?? [];
  }

  /** Of what the account has bought, the instances in use that a sandbox for this could be made on if there were room. */
  boughtFor(spec: FunctionSpec): ManagedInstance[] {
    return [...this.instancesOf(homeOf(spec))].filter(({ holding }) => holding.isBought && holding.takes(spec, false));
  }

  /** Where a home's instances out of one sub-pool are found by the room they have. */
  roomOf(home: string, holding: Holding): RoomIndex<ManagedInstance> {
    return this.#part(home, holding).room;
  }

  add(instance: ManagedInstance): void {
    this.#part(instance.home, instance.holding).count++;
    this.#homes.get(instance.home)!.instances.add(instance);
  }

  remove(instance: ManagedInstance): void {
    const home = this.#homes.get(instance.home);
    if (home === undefined || !home.instances.delete(instance)) return;
    const part = this.#part(instance.home, instance.holding);
    for (const sha256 of instance.codes) {
      const holders = part.byCode.get(sha256);
      holders?.delete(instance);
      if (holders?.size === 0) part.byCode.delete(sha256);
    }
    if (--part.count === 0) home.parts.splice(home.parts.indexOf(part), 1);
    if (home.instances.size === 0) this.#homes.delete(instance.home);
  }

  /** The agent of this instance has the code or layer now. */
  holdsCode(instance: ManagedInstance, sha256: string): void {
    if (instance.codes.has(sha256)) return;
    instance.remember(sha256);
    const { byCode } = this.#part(instance.home, instance.holding);
    const holders = byCode.get(sha256);
    if (holders === undefined) byCode.set(sha256, new Set([instance]));
    else holders.add(instance);
  }

  /** Why steps 2 and 3 have nothing for this function: in words. To be asked when `find` has found nothing, or nothing in step 2. */
  misses(spec: FunctionSpec): { code: string; room: string } {
    const home = this.#homes.get(homeOf(spec));
    if (home === undefined) return NO_INSTANCE;
    const hasCode = home.parts.some(({ byCode }) => (byCode.get(spec.code.sha256)?.size ?? 0) > 0);
    const code = hasCode ? `no room for ${spec.memoryMb} MB on those of the account that have the code` : NO_CODE;
    const { size } = home.instances;
    const which = size === 1 ? "the account's only one" : `any of the account's ${size}`;
    return { code, room: `no room for ${spec.memoryMb} MB on ${which}` };
  }

  /**
   * Steps 2 and 3, in order; undefined where neither has room.
   *
   * @param beside an instance of the account that comes before all others.
   * @param second whether to look at those that are for when the account's own sub-pools are short.
   */
  find(spec: FunctionSpec, beside?: ManagedInstance, second = false): Rung | undefined {
    const home = this.#homes.get(homeOf(spec));
    if (home === undefined) return undefined;
    if (beside !== undefined && beside.roomMb >= spec.memoryMb && beside.holding.open) {
      const reason = 'made ahead, beside the version that it takes over from';
      return { instance: beside, step: 'active', name: 'room', reason };
    }
    for (const part of home.parts) {
      if (!part.holding.takes(spec, second)) continue;
      const holder = fullestWithRoom(part.byCode.get(spec.code.sha256), spec.memoryMb);
      if (holder === undefined) continue;
      const reason = 'no idle sandbox; an instance of the account has the code and room';
      return { instance: holder, step: 'active', name: 'code', reason };
    }
    for (const part of home.parts) {
      if (!part.holding.takes(spec, second)) continue;
      const instance = part.room.find(spec.memoryMb);
      if (instance === undefined) continue;
      const reason = 'no instance with the code has room; one of the account has';
      return { instance, step: 'active', name: 'room', reason };
    }
    return undefined;
  }

  #part(name: string, holding: Holding): Part {
    let home = this.#homes.get(name);
    if (home === undefined) {
      home = { instances: new Set(), parts: [] };
      this.#homes.set(name, home);
    }
    for (const part of home.parts) if (part.holding === holding) return part;
    const part = { holding, room: new RoomIndex<ManagedInstance>(), byCode: new Map(), count: 0 };
    home.parts.push(part);
    home.parts.sort((one, other) => ORDER.indexOf(one.holding.class) - ORDER.indexOf(other.holding.class));
    return part;
  }
}

/**
 * Of the holders of a code the fullest that still has room, so that others can empty. Not all are looked at; those that turn out to have no
 * room stand behind the others from then on, so that where any has room it is found before long.
 */
function fullestWithRoom(holders: Set<ManagedInstance> | undefined, neededMb: number): ManagedInstance | undefined {
  if (holders === undefined) return undefined;
  let best: ManagedInstance | undefined;
  let probes = 0;
  for (const instance of holders) {
    if (probes++ === CODE_PROBES) break;
    const { roomMb } = instance;
    if (roomMb >= neededMb) {
      if (best === undefined || roomMb < best.roomMb) best = instance;
    } else if (holders.size > CODE_PROBES) {
      holders.delete(instance);
      holders.add(instance);
    }
  }
  return best;
}
