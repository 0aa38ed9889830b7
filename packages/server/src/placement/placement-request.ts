import type { FunctionSpec } from '@hearth/protocol';
import type { FunctionPool } from './function-pool.ts';
import type { Sandbox } from './sandbox.ts';
import { Deadline } from './deadline-queue.ts';

/** One request for a sandbox that could not be served at once. Its deadline is when it is refused. */
export class PlacementRequest extends Deadline {
  readonly pool: FunctionPool;
  /** Sandboxes asked of agents for it that came to nothing. */
  failures = 0;
  readonly resolve: (sandbox: Sandbox) => void;
  readonly reject: (error: Error) => void;

  constructor(pool: FunctionPool, resolve: (sandbox: Sandbox) => void, reject: (error: Error) => void) {
    super();
    this.pool = pool;
    this.resolve = resolve;
    this.reject = reject;
  }

  get spec(): FunctionSpec {
    return this.pool.spec;
  }
}
