import type { Clock } from '../../instances/clock.ts';
import type { Deadline } from '../deadline-queue.ts';
import { DeadlineQueue } from '../deadline-queue.ts';

/**
 * Deadlines of a few different lengths: a queue for each, so that adding and removing cost a few assignments, as with one. Queues are kept:
 * a policy knows a hundred lengths or so.
 */
export class IdleQueues implements Disposable {
  readonly #clock: Clock;
  readonly #onDue: (deadline: Deadline) => void;
  readonly #queues = new Map<number, DeadlineQueue>();

  constructor(clock: Clock, onDue: (deadline: Deadline) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** `now` is the clock's time. */
  add(deadline: Deadline, delayMs: number, now: number): void {
    const length = Math.max(0, Math.round(delayMs));
    let queue = this.#queues.get(length);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.#clock, length, this.#onDue);
      this.#queues.set(length, queue);
    }
    queue.add(deadline, now);
  }

  [Symbol.dispose](): void {
    for (const queue of this.#queues.values()) queue[Symbol.dispose]();
  }
}
