import type { FunctionSpec } from '@hearth/protocol';
import type { Capacity } from '../capacity/capacity.ts';
import type { Configuration } from '../capacity/configuration.ts';
import type { Instance } from '../instances/provider.ts';
import { roomByEviction } from './eviction.ts';
import { homeOf } from './home.ts';
import type { InstanceIndex } from './instance-index.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { ServerLog } from './ports.ts';
import type { Sandbox } from './sandbox.ts';
import type { WaitingRoom } from './waiting-room.ts';

export interface RoomMakerOptions {
  readonly capacity: Capacity;
  readonly index: InstanceIndex;
  /** Of all managers: any may have to go. */
  readonly instances: () => Iterable<ManagedInstance>;
  readonly waiting: WaitingRoom;
  readonly overheadMb: number;
  /** See {@link ActivePoolOptions}. */
  readonly isFull: (spec: FunctionSpec) => boolean;
  readonly onLog: ServerLog;
  /** Takes an instance of uncommon size that was made for this function. */
  readonly onBooted: (instance: Instance, spec: FunctionSpec) => Promise<void>;
  readonly onEvicted: (sandbox: Sandbox) => void;
  /** This instance has to go as a whole. */
  readonly onGivenUp: (instance: ManagedInstance) => void;
  /** Nothing can be done for this request, which waits no longer. */
  readonly onHopeless: (request: PlacementRequest) => void;
}

/** The last step of the ladder: has instances made for those who wait, or idle sandboxes ended. */
export class RoomMaker {
  readonly #options: RoomMakerOptions;
  /** Homes for which an instance of uncommon size is being made. */
  readonly #uncommon = new Set<string>();

  constructor(options: RoomMakerOptions) {
    this.#options = options;
  }

  /** To be called when a request has begun to wait, and when something has changed and some still wait. */
  makeRoom(): void {
    const { capacity, overheadMb, waiting } = this.#options;
    /** What waits, MB of each home by the configuration that suits it. */
    const waitingMb = new Map<Configuration, Map<string, number>>();
    for (const { spec, limited, shortage } of waiting.requests) {
      // Another instance would be of no use to it, or it may not have one.
      if (limited || shortage !== undefined || this.#options.isFull(spec)) continue;
      const { runtime, memoryMb } = spec;
      const home = homeOf(spec);
      const configuration = capacity.configurationFor({ runtime, memoryMb: memoryMb + overheadMb });
      if (configuration === undefined) {
        this.#bootUncommon(spec);
        continue;
      }
      const homes = waitingMb.get(configuration) ?? new Map<string, number>();
      waitingMb.set(configuration, homes.set(home, (homes.get(home) ?? 0) + memoryMb));
    }
    const wanted = new Map<Configuration, number>();
    for (const [configuration, homes] of waitingMb) {
      let count = 0;
      for (const mb of homes.values()) count += Math.ceil(mb / (configuration.memoryMb - overheadMb));
      wanted.set(configuration, count);
    }
    capacity.want(wanted);
    this.#evictOwn();
    if (capacity.booting > 0) return;
    if (capacity.lastError === undefined) this.#evict();
    else this.#refuseHopeless();
  }

  /** Who may have nothing but what his account has bought gets room where that is idle. */
  #evictOwn(): void {
    const { index, waiting, onEvicted } = this.#options;
    const seen = new Set<string>();
    for (const { spec, shortage } of waiting.requests) {
      if (shortage === undefined || seen.has(spec.account)) continue;
      seen.add(spec.account);
      for (const sandbox of roomByEviction(spec, index.boughtFor(spec), []).sandboxes) onEvicted(sandbox);
    }
  }

  /** One round for each home: each needs room on instances of its own. */
  #evict(): void {
    const { index, instances, waiting, onEvicted, onGivenUp } = this.#options;
    const seen = new Set<string>();
    for (const { spec, limited, shortage } of waiting.requests) {
      if (limited || shortage !== undefined) continue;
      const home = homeOf(spec);
      if (seen.has(home)) continue;
      seen.add(home);
      // Where it may have no more instances, another's end would be of no use either.
      const eviction = roomByEviction(spec, index.instancesOf(home), this.#options.isFull(spec) ? [] : instances());
      for (const sandbox of eviction.sandboxes) onEvicted(sandbox);
      if (eviction.instance !== undefined) onGivenUp(eviction.instance);
    }
  }

  /** No instance can be made: whoever's home has none need not wait to be told. */
  #refuseHopeless(): void {
    const { index, waiting, onHopeless } = this.#options;
    for (const request of waiting.requests) {
      if (request.shortage !== undefined) continue;
      if (!index.instancesOf(homeOf(request.spec))[Symbol.iterator]().next().done) continue;
      waiting.leave(request);
      onHopeless(request);
    }
  }

  #bootUncommon(spec: FunctionSpec): void {
    const { capacity, overheadMb, onLog, onBooted, waiting } = this.#options;
    const memoryMb = spec.memoryMb + overheadMb;
    if (this.#uncommon.has(homeOf(spec)) || !capacity.makeRoom(memoryMb)) return;
    this.#uncommon.add(homeOf(spec));
    capacity
      .boot({ runtime: spec.runtime, memoryMb })
      .then((instance) => onBooted(instance, spec))
      .catch((error: Error) => onLog('error', `an instance of ${memoryMb} MB could not be made: ${error.message}`))
      .finally(() => {
        this.#uncommon.delete(homeOf(spec));
        waiting.retry();
      });
  }
}
