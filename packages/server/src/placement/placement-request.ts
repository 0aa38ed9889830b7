import type { FunctionSpec } from '@hearth/protocol';
import type { Shortage } from '../capacity/bought/entitlements.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Keeper } from './keeper.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Sandbox } from './sandbox.ts';
import { Deadline } from './deadline-queue.ts';
import type { Trail } from './trail.ts';

/** What a sandbox that is made ahead of need is to be like; of a request that needs one now it is empty. */
export interface PlacementWish {
  /** A new sandbox, not an idle one, on this instance if it has room. */
  readonly beside?: ManagedInstance;
  /** A new sandbox, not an idle one, on an instance that the account has: none is taken for it, nor is it waited for. */
  readonly onActive?: true;
  /** A new sandbox, not an idle one, wherever there is room. */
  readonly anew?: true;
  /** A new sandbox, not an idle one, nor one that another request has done with: whoever has it kept from its beginning. */
  readonly keeper?: Keeper;
  /** Only on what the account has bought. */
  readonly ownOnly?: true;
}

const NO_WISH: PlacementWish = {};

/** One request for a sandbox that could not be served at once. Its deadline is when it is refused. */
export class PlacementRequest extends Deadline {
  readonly pool: FunctionPool;
  /** Sandboxes asked of agents for it that came to nothing. */
  failures = 0;
  /** Whether it has its sandbox. */
  served = false;
  readonly #resolve: (sandbox: Sandbox) => void;
  readonly reject: (error: Error) => void;
  readonly wish: PlacementWish;
  /** Whether its function has as many sandboxes as it may have: room would be of no use. */
  limited = false;
  /** Where it is written down what was tried for it; undefined where nobody will ask. */
  readonly trail: Trail | undefined;
  /** Of what its account has bought, why there is none for it; undefined where it may have what there is on demand. */
  shortage: Shortage | undefined;
  /** Whether it waits for what its account has bought. */
  waitsForOwn = false;
  /** Clock's time at which it began to wait for room; undefined where it never had to. */
  waitingSince: number | undefined;

  constructor(
    pool: FunctionPool,
    resolve: (sandbox: Sandbox) => void,
    reject: (error: Error) => void,
    wish: PlacementWish = NO_WISH,
    trail?: Trail,
  ) {
    super();
    this.pool = pool;
    this.#resolve = resolve;
    this.reject = reject;
    this.wish = wish;
    this.trail = trail;
  }

  serve(sandbox: Sandbox): void {
    this.served = true;
    this.#resolve(sandbox);
  }

  get spec(): FunctionSpec {
    return this.pool.spec;
  }

  /** Whether only a new sandbox will do. */
  get wantsNew(): boolean {
    const { beside, onActive, anew, keeper } = this.wish;
    return beside !== undefined || onActive === true || anew === true || keeper !== undefined;
  }
}
