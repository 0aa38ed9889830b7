import type { FunctionSpec } from '@hearth/protocol';
import type { FunctionPool } from './function-pool.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Sandbox } from './sandbox.ts';
import { Deadline } from './deadline-queue.ts';

/** One request for a sandbox that could not be served at once. Its deadline is when it is refused. */
export class PlacementRequest extends Deadline {
  readonly pool: FunctionPool;
  /** Sandboxes asked of agents for it that came to nothing. */
  failures = 0;
  readonly resolve: (sandbox: Sandbox) => void;
  readonly reject: (error: Error) => void;

  /** Present where a new sandbox is wanted, and not an idle one: the instance that it should be on. */
  readonly beside: ManagedInstance | undefined;

  constructor(
    pool: FunctionPool,
    resolve: (sandbox: Sandbox) => void,
    reject: (error: Error) => void,
    beside?: ManagedInstance,
  ) {
    super();
    this.pool = pool;
    this.resolve = resolve;
    this.reject = reject;
    this.beside = beside;
  }

  get spec(): FunctionSpec {
    return this.pool.spec;
  }
}
