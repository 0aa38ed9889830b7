import type { FunctionSpec } from '@hearth/protocol';
import type { DeadlineQueue } from './deadline-queue.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { Sandbox } from './sandbox.ts';

/** The weight of an invocation that took longer than what is kept. */
const FORGETTING = 0.01;

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
  /** Those who wait a moment for a busy sandbox rather than take another one, in their order. */
  readonly patient: DeadlineQueue;
  /** Sandboxes that execute now. */
  executing = 0;
  /** Whether an invocation has ended. */
  served = false;
  /** How long an invocation takes when nothing is in its way: ms; 0 before the first has ended. */
  serviceMs = 0;
  #top: Sandbox | undefined;

  constructor(spec: FunctionSpec, patient: DeadlineQueue) {
    this.spec = spec;
    this.patient = patient;
  }

  /** The idle sandbox that was used last. */
  get top(): Sandbox | undefined {
    return this.#top;
  }

  get empty(): boolean {
    return this.sandboxes.size === 0 && this.waiting.size === 0 && this.patient.first === undefined;
  }

  /**
   * An invocation has taken this long. What is kept is close to the least of the recent ones: when more sandboxes are
   * busy than there are processors, all the others waited for one.
   */
  observe(milliseconds: number): void {
    if (!this.served || milliseconds < this.serviceMs) this.serviceMs = milliseconds;
    else this.serviceMs += (milliseconds - this.serviceMs) * FORGETTING;
    this.served = true;
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
