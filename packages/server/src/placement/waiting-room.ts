import type { Clock } from '../instances/clock.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import type { Deadline } from './deadline-queue.ts';
import type { LoadGuard } from './load-guard.ts';
import { homeOf } from './home.ts';
import type { PlacementRequest } from './placement-request.ts';

/**
 * Requests that found no room, oldest first. They are tried again together, once per turn of the event loop, after
 * anything has made room; one that has waited for too long is refused.
 */
export class WaitingRoom implements Disposable {
  readonly #clock: Clock;
  readonly #requests = new Set<PlacementRequest>();
  readonly #deadlines: DeadlineQueue;
  /** Of those who wait for what their account has bought, by how long they may. */
  readonly #ownDeadlines = new Map<number, DeadlineQueue>();
  /** How many of the requests those are. */
  #own = 0;
  readonly #onDue: (due: Deadline) => void;
  readonly #guard: LoadGuard;
  readonly #attempt: (request: PlacementRequest) => boolean;
  readonly #onPassed: () => void;
  #scheduled = false;

  /**
   * @param attempt tries to serve a request; false where there is no room for it.
   * @param onPassed called after a round of attempts.
   */
  constructor(
    clock: Clock,
    waitMs: number,
    guard: LoadGuard,
    attempt: (request: PlacementRequest) => boolean,
    onExpired: (request: PlacementRequest) => void,
    onPassed: () => void,
  ) {
    this.#clock = clock;
    this.#guard = guard;
    this.#attempt = attempt;
    this.#onPassed = onPassed;
    this.#onDue = (due) => {
      const request = due as PlacementRequest;
      this.#remove(request);
      onExpired(request);
    };
    this.#deadlines = new DeadlineQueue(clock, waitMs, this.#onDue);
  }

  get size(): number {
    return this.#requests.size;
  }

  get requests(): Iterable<PlacementRequest> {
    return this.#requests;
  }

  /** The oldest, if it has waited for longer than this. */
  overdue(waitedMs: number): PlacementRequest | undefined {
    const oldest = this.#deadlines.first as PlacementRequest | undefined;
    if (oldest === undefined) return undefined;
    return this.#clock.now() - (oldest.dueAt - this.#deadlines.delayMs) > waitedMs ? oldest : undefined;
  }

  /** Whether one more could not be served in time, as it is now. */
  get isHopeless(): boolean {
    return this.#guard.refuses(this.#requests.size - this.#own, this.#clock.now());
  }

  enter(request: PlacementRequest): void {
    this.#requests.add(request);
    request.pool.waiting.add(request);
    const now = this.#clock.now();
    const { shortage } = request;
    request.waitsForOwn = shortage?.kind === 'wait';
    if (shortage?.kind === 'wait') {
      this.#own++;
      this.#ownQueue(shortage.waitMs).add(request, now);
      return;
    }
    this.#deadlines.add(request, now);
    this.#guard.entered(now);
  }

  /** It is served, or refused for another reason than the time it has waited. */
  leave(request: PlacementRequest): void {
    if (request.queue === this.#deadlines) this.#guard.served(this.#clock.now());
    this.#remove(request);
  }

  #remove(request: PlacementRequest): void {
    const known = this.#requests.delete(request);
    request.pool.waiting.delete(request);
    if (known && request.waitsForOwn) this.#own--;
    request.queue?.remove(request);
  }

  #ownQueue(waitMs: number): DeadlineQueue {
    let queue = this.#ownDeadlines.get(waitMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.#clock, waitMs, this.#onDue);
      this.#ownDeadlines.set(waitMs, queue);
    }
    return queue;
  }

  /** Something has made room. */
  retry(): void {
    if (this.#scheduled || this.#requests.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pass();
    });
  }

  [Symbol.dispose](): void {
    for (const queue of [this.#deadlines, ...this.#ownDeadlines.values()]) queue[Symbol.dispose]();
  }

  #pass(): void {
    // What did not fit for an account's request will not fit for a larger one of the same account and runtime either.
    const refused = new Map<string, number>();
    for (const request of this.#requests) {
      const { runtime, memoryMb, capacityClass } = request.spec;
      const like = `${homeOf(request.spec)} ${runtime} ${capacityClass?.name ?? ''}`;
      if (memoryMb >= (refused.get(like) ?? Infinity) && request.pool.top === undefined) continue;
      if (this.#attempt(request)) this.leave(request);
      else if (!request.limited) refused.set(like, Math.min(memoryMb, refused.get(like) ?? Infinity));
    }
    if (this.#requests.size > 0) this.#onPassed();
  }
}
