import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Capacity } from '../capacity/capacity.ts';
import type { Clock } from '../instances/clock.ts';
import type { ActivePool } from './active-pool.ts';
import type { FunctionPools } from './function-pools.ts';
import { canEvict } from './eviction.ts';
import { forOneWhoWaited } from './instance-index.ts';
import type { IdleKeeper } from './idle-keeper.ts';
import type { InstanceIndex, Rung } from './instance-index.ts';
import type { Leases } from './leases.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { ServerLog } from './ports.ts';
import type { RoomMaker } from './room-maker.ts';
import type { SandboxLoss } from './sandbox.ts';
import type { Starter } from './starter.ts';
import type { Trail } from './trail.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Sandboxes asked for in vain before a request fails. */
const MAX_FAILURES = 3;

export interface LadderOptions {
  readonly clock: Clock;
  readonly capacity: Capacity;
  readonly leases: Leases;
  readonly idle: IdleKeeper;
  readonly index: InstanceIndex;
  readonly active: ActivePool;
  readonly starter: Starter;
  readonly waiting: WaitingRoom;
  readonly roomMaker: RoomMaker;
  readonly pools: FunctionPools;
  /** See {@link WorkerManagerOptions}. */
  readonly mayHaveMore: (spec: FunctionSpec, kept: boolean) => boolean;
  /** How long a request waits for room. */
  readonly waitMs: number;
  readonly onLog: ServerLog;
}

/**
 * The ladder (rows L3 to L8), for a request that did not get an idle sandbox at once: 1 an idle sandbox that is there by now; 2 a new one
 * on an instance of the account with the code and room; 3 on one with room; 4 an instance from the warming pool; 5 a wait, while room is
 * made (room-maker.ts), and in the end a refusal.
 */
export class Ladder {
  readonly #options: LadderOptions;
  #closed = false;
  /** Requests refused for want of room. */
  throttled = 0;

  constructor(options: LadderOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Serves the request, now or later. */
  climb(request: PlacementRequest): void {
    if (this.#closed) return request.reject(stopping());
    if (this.attempt(request)) return;
    if (request.wish.onActive === true) {
      this.#options.pools.forgetIfEmpty(request.pool);
      return request.reject(new Error(`no other instance has room for ${request.spec.functionName}`));
    }
    const now = this.#options.clock.now();
    const { shortage } = request;
    // Whoever has waited has its place, and so has who waits for what his account has bought.
    const queues = request.waitingSince === undefined && shortage === undefined;
    if (queues && this.#options.waiting.isHopeless) return this.#shed(request);
    request.trail?.missed('wait', shortage?.reason ?? 'waits until there is room', now);
    request.waitingSince ??= now;
    this.#options.waiting.enter(request);
    this.#options.roomMaker.makeRoom();
  }

  /** Steps 1 to 4; false where there is no room now. */
  attempt(request: PlacementRequest): boolean {
    const { leases, starter } = this.#options;
    const idle = request.wantsNew ? undefined : leases.wake(request.pool);
    const { spec, wish, trail, waitingSince } = request;
    if (idle !== undefined) {
      trail?.took('idle', 'one became idle', this.#options.clock.now());
      request.serve(idle);
      return true;
    }
    request.limited = !this.#options.mayHaveMore(spec, wish.keeper !== undefined);
    if (request.limited) {
      if (waitingSince === undefined) {
        trail?.missed('room', 'the function has as many sandboxes as it may have', this.#options.clock.now());
      }
      return false;
    }
    let rung = this.#options.index.find(spec, wish.beside);
    // Of one that waits only the look that ends it is told, after the first.
    if (trail !== undefined && waitingSince === undefined) this.#tellMisses(request, trail, rung);
    rung ??= this.#beyondOwn(request);
    if (rung === undefined) return this.#isRefused(request);
    if (waitingSince !== undefined) rung = forOneWhoWaited(rung, waitingSince);
    trail?.took(rung.name, rung.reason, this.#options.clock.now());
    if (!request.wantsNew) this.#options.idle.missed(request.pool);
    starter.start(request, rung);
    return true;
  }

  /** What the account has bought and does not use yet; where it is short of that, what its policy lets it have beside. */
  #beyondOwn(request: PlacementRequest): Rung | undefined {
    const { index, active, capacity, clock } = this.#options;
    const { spec, wish, trail, waitingSince } = request;
    const mayTake = wish.onActive !== true;
    request.shortage = undefined;
    const own = mayTake ? active.fromOwn(spec, waitingSince) : undefined;
    if (own !== undefined) return own;
    const shortage = capacity.bought.shortage(active.needOf(spec, waitingSince));
    if (shortage !== undefined) {
      if (waitingSince === undefined) trail?.missed('bought', shortage.reason, clock.now());
      if (shortage.kind !== 'overflow' || wish.ownOnly === true) {
        request.shortage = shortage;
        return undefined;
      }
    }
    const second = shortage === undefined ? undefined : index.find(spec, undefined, true);
    const rung = second ?? (mayTake ? active.fromWarmingPool(spec, waitingSince) : undefined);
    if (rung === undefined && waitingSince === undefined && mayTake) {
      trail?.missed('warming', 'no warm instance is ready', clock.now());
    }
    return rung && shortage ? { ...rung, reason: `${shortage.reason}: ${rung.reason}` } : rung;
  }

  /**
   * Tells a request at once that its account's policy denies it more than was bought, unless what is idle there can make room. What is made
   * ahead can wait for some.
   */
  #isRefused(request: PlacementRequest): boolean {
    const { spec, shortage } = request;
    if (shortage?.kind !== 'refuse' || request.wantsNew) return false;
    if (canEvict(spec, this.#options.index.boughtFor(spec))) return false;
    this.#options.waiting.leave(request);
    this.refuse(request);
    return true;
  }

  /** Writes down which steps had nothing when the request came. */
  #tellMisses({ pool, spec }: PlacementRequest, trail: Trail, found: Rung | undefined): void {
    const now = this.#options.clock.now();
    trail.missed('idle', pool.whyNoneIsIdle, now);
    if (found?.name === 'code') return;
    const { code, room } = this.#options.index.misses(spec);
    trail.missed('code', code, now);
    if (found === undefined) trail.missed('room', room, now);
  }

  /** There is no room for it, and won't be in time. */
  refuse(request: PlacementRequest): void {
    this.throttled++;
    this.#options.pools.forgetIfEmpty(request.pool);
    const { shortage } = request;
    if (shortage !== undefined) {
      const waited = shortage.kind === 'wait' ? ` It waited for ${shortage.waitMs / 1000} s.` : '';
      const message = `Rate Exceeded: ${shortage.reason}.${waited}`;
      const reason = 'ConcurrentInvocationLimitExceeded';
      request.reject(new ApiError('TooManyRequestsException', message, { reason, retryAfterSeconds: 1 }));
      return;
    }
    const { lastError } = this.#options.capacity;
    if (lastError !== undefined) {
      request.reject(
        new ApiError('ServiceException', `No instance can be made: ${lastError.message}`, { cause: lastError }),
      );
      return;
    }
    const message = `Rate Exceeded. No room for ${request.spec.memoryMb} MB became free in ${this.#options.waitMs / 1000} s.`;
    const reason = 'ConcurrentInvocationLimitExceeded';
    request.reject(new ApiError('TooManyRequestsException', message, { reason, retryAfterSeconds: 1 }));
  }

  /** So many wait that its turn would not come in time: it need not wait to be told. */
  #shed(request: PlacementRequest): void {
    this.throttled++;
    this.#options.pools.forgetIfEmpty(request.pool);
    const { waiting, waitMs } = this.#options;
    const message = `Rate Exceeded. ${waiting.size} requests wait for room already, more than get some in ${waitMs / 1000} s.`;
    const reason = 'ConcurrentInvocationLimitExceeded';
    request.reject(new ApiError('TooManyRequestsException', message, { reason, retryAfterSeconds: 1 }));
  }

  /** The sandbox that was to be made for it came to nothing: it tries again. */
  failed(request: PlacementRequest, { reason, brokenPackage }: SandboxLoss): void {
    if (brokenPackage === true) {
      const message = `Lambda could not unzip the deployment package: ${reason}`;
      return request.reject(new ApiError('InvalidZipFileException', message));
    }
    request.failures++;
    this.#options.onLog('warn', `a sandbox for ${request.spec.functionArn} could not be made: ${reason}`);
    request.trail?.missed('again', `the sandbox could not be made: ${reason}`, this.#options.clock.now());
    if (request.failures < MAX_FAILURES) return this.climb(request);
    request.reject(new ApiError('ServiceException', `The function could not be started: ${reason}`));
  }

  /** From now on everybody is told that the server stops, those who wait first. */
  close(): void {
    this.#closed = true;
    const { waiting } = this.#options;
    for (const request of waiting.requests) {
      waiting.leave(request);
      request.reject(stopping());
    }
  }
}

export function stopping(): ApiError {
  return new ApiError('ServiceUnavailableException', 'The server is stopping.');
}
