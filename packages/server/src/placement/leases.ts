import type { FunctionPool } from './function-pool.ts';
import { homeOf } from './home.ts';
import type { IdleKeeper } from './idle-keeper.ts';
import type { PatientRequest } from './line.ts';
import { NO_LEASE } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Idle sandboxes tried when the instance of the first has no room for it to wake. */
const WAKE_PROBES = 4;
/** A request that has waited for so long comes before those of a function that keeps its sandboxes busy. */
const STARVED_MS = 1_000;

export interface LeasesOptions {
  readonly idle: IdleKeeper;
  readonly waiting: WaitingRoom;
  readonly onUnwanted: (sandbox: Sandbox, reason: string) => void;
  /** It has to go because another request needs its room. */
  readonly onEvicted: (sandbox: Sandbox, reason: string) => void;
}

/** The warm path: who gets a sandbox that is there, and what follows when he has done with it. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #idle: IdleKeeper;
  readonly #waiting: WaitingRoom;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#idle = options.idle;
    this.#waiting = options.waiting;
  }

  /** Step 1 of the ladder: an idle sandbox, now executing; undefined where there is none. */
  wake(pool: FunctionPool | undefined): Sandbox | undefined {
    let sandbox = pool?.top;
    for (let probe = 0; sandbox !== undefined && probe < WAKE_PROBES; probe++) {
      const next: Sandbox | undefined = sandbox.below;
      if (sandbox.instance.holding.open && this.#idle.wake(sandbox)) {
        pool!.take(sandbox);
        sandbox.become('executing');
        sandbox.grant();
        return sandbox;
      }
      sandbox = next;
    }
    return undefined;
  }

  /** See {@link WorkerManager.release}. */
  release(sandbox: Sandbox, lease: number, now: number): void {
    if (sandbox.lease !== lease) return;
    sandbox.lease = NO_LEASE;
    sandbox.holder = undefined;
    if (sandbox.state !== 'executing') return;
    sandbox.lastUsedAt = now;
    sandbox.instance.lastUsedAt = now;
    sandbox.instance.holding.used(sandbox.spec.memoryMb, now - sandbox.leasedAt);
    const { pool } = sandbox;
    // The first in a sandbox compiles what the others find compiled: it says little of them.
    if (sandbox.hasServed) pool.observe(now - sandbox.leasedAt, now, sandbox.computed);
    sandbox.computed = false;
    sandbox.hasServed = true;
    pool.ended++;
    // It has begun with what was sent ahead: that ends here, whatever is to become of the sandbox.
    const begun = sandbox.ahead.shift();
    if (begun !== undefined) return this.#goOnWith(begun, sandbox, now);
    this.offer(sandbox, now);
  }

  /** See {@link WorkerManager.offer}. */
  offer(sandbox: Sandbox, now: number): void {
    if (sandbox.state !== 'executing') return;
    sandbox.lease = NO_LEASE;
    const { pool } = sandbox;
    if (sandbox.lastReason !== undefined) return this.#options.onUnwanted(sandbox, sandbox.lastReason);
    if (sandbox.keeper === undefined && this.keepsOthersWaiting(pool)) {
      return this.#options.onEvicted(sandbox, 'a request of another function has waited for too long');
    }
    // Nearly always nobody: not even an iterator is made then.
    const request = pool.waiting.size === 0 ? undefined : pool.taker;
    if (request !== undefined) {
      this.#waiting.leave(request);
      sandbox.grant();
      request.trail?.took('idle', 'a busy one had done with another', now);
      return request.serve(sandbox);
    }
    const early = pool.fetching.size === 0 ? undefined : pool.fetching.values().next().value;
    if (early !== undefined) {
      pool.fetching.delete(early);
      sandbox.grant();
      early.trail?.took('idle', 'a busy one had done with another, before the code was there', now);
      return early.serve(sandbox);
    }
    const next = pool.line.next();
    if (next !== undefined) return this.#goOnWith(next, sandbox, now);
    if (pool.retired) return this.#options.onUnwanted(sandbox, 'its function has changed');
    sandbox.become('idle');
    pool.push(sandbox);
    this.#idle.rest(sandbox, now);
    // As many ran as may: one more may begin now, whatever it is.
    const { holding } = sandbox.instance;
    if (holding.running + 1 === holding.limit) this.#waiting.retry();
  }

  /** Whether a request of another function has waited for so long that this one has to make room for it. */
  keepsOthersWaiting(pool: FunctionPool): boolean {
    if (this.#waiting.size === 0) return false;
    const starved = this.#waiting.overdue(STARVED_MS);
    return starved !== undefined && starved.pool !== pool && homeOf(starved.spec) === homeOf(pool.spec);
  }

  #goOnWith(request: PatientRequest, sandbox: Sandbox, now: number): void {
    sandbox.grant();
    request.given(sandbox, now);
    sandbox.pool.line.fill(sandbox);
  }
}
