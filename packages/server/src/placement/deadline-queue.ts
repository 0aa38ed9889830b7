import type { Clock, Timer } from '../instances/clock.ts';

/** Something that falls due; in one queue at a time. */
export class Deadline {
  /** By the queue's clock; meaningful while in a queue. */
  dueAt = 0;
  queue: DeadlineQueue | undefined;
  before: Deadline | undefined;
  after: Deadline | undefined;
}

/**
 * Deadlines that all lie the same time ahead, so that the order of adding is the order of falling due: adding and
 * removing cost a few assignments, and one timer serves the whole queue. That is what lets every invocation have a
 * time-out, and every idle sandbox a freeze and a keep-alive, without a timer each.
 */
export class DeadlineQueue implements Disposable {
  readonly delayMs: number;
  readonly #clock: Clock;
  readonly #onDue: (deadline: Deadline) => void;
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, delayMs: number, onDue: (deadline: Deadline) => void) {
    this.#clock = clock;
    this.delayMs = delayMs;
    this.#onDue = onDue;
  }

  /** The one that falls due first. */
  get first(): Deadline | undefined {
    return this.#first;
  }

  /** `now` is the clock's time, which the caller has usually read already. */
  add(deadline: Deadline, now: number): void {
    deadline.queue?.remove(deadline);
    deadline.queue = this;
    deadline.dueAt = now + this.delayMs;
    deadline.before = this.#last;
    deadline.after = undefined;
    if (this.#last === undefined) this.#first = deadline;
    else this.#last.after = deadline;
    this.#last = deadline;
    this.#timer ??= this.#clock.setTimer(this.delayMs, this.#onTimer);
  }

  /** Harmless if it is not in this queue. */
  remove(deadline: Deadline): void {
    if (deadline.queue !== this) return;
    if (deadline.before === undefined) this.#first = deadline.after;
    else deadline.before.after = deadline.after;
    if (deadline.after === undefined) this.#last = deadline.before;
    else deadline.after.before = deadline.before;
    deadline.queue = undefined;
    deadline.before = undefined;
    deadline.after = undefined;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#first !== undefined) this.remove(this.#first);
  }

  // The timer is not moved when the first deadline is removed: it finds out when it fires, at most once per delay.
  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    while (this.#first !== undefined && this.#first.dueAt <= now) {
      const due = this.#first;
      this.remove(due);
      this.#onDue(due);
    }
    if (this.#first !== undefined) {
      this.#timer ??= this.#clock.setTimer(Math.max(0, this.#first.dueAt - now), this.#onTimer);
    }
  };
}
