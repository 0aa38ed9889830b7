import type { FunctionSpec } from '@hearth/protocol';
import type { PlacementRequest } from './placement-request.ts';
import type { Sandbox } from './sandbox.ts';

/**
 * The sandboxes of one function version. The idle ones are a stack, so that under less load the same few stay busy and
 * the surplus at the bottom grows old. Every step costs a few assignments.
 */
export class FunctionPool {
  readonly spec: FunctionSpec;
  readonly sandboxes = new Set<Sandbox>();
  /** Requests of this function that wait for any sandbox of it. */
  readonly waiting = new Set<PlacementRequest>();
  /** The function has changed or is deleted: what runs may finish, then its sandboxes end. */
  retired = false;
  #top: Sandbox | undefined;

  constructor(spec: FunctionSpec) {
    this.spec = spec;
  }

  /** The idle sandbox that was used last. */
  get top(): Sandbox | undefined {
    return this.#top;
  }

  get empty(): boolean {
    return this.sandboxes.size === 0 && this.waiting.size === 0;
  }

  push(sandbox: Sandbox): void {
    sandbox.below = this.#top;
    sandbox.above = undefined;
    if (this.#top !== undefined) this.#top.above = sandbox;
    this.#top = sandbox;
  }

  /** Takes an idle sandbox out of the stack, wherever in it it is. */
  take(sandbox: Sandbox): void {
    if (sandbox.above !== undefined) sandbox.above.below = sandbox.below;
    else if (this.#top === sandbox) this.#top = sandbox.below;
    if (sandbox.below !== undefined) sandbox.below.above = sandbox.above;
    sandbox.below = undefined;
    sandbox.above = undefined;
  }
}
