import type { Clock, Timer } from '../instances/clock.ts';
import { Deadline, DeadlineQueue } from './deadline-queue.ts';
import type { Sandbox } from './sandbox.ts';

/** How often the machine's own time is looked at, by which credentials expire. */
const LOOK_MS = 60_000;

/** The moment at which a sandbox has to be replaced. */
export class RenewalDeadline extends Deadline {
  readonly sandbox: Sandbox;
  /** By the machine's time. */
  wallDueAt = 0;

  constructor(sandbox: Sandbox) {
    super();
    this.sandbox = sandbox;
  }
}

/**
 * Says when a sandbox is to be replaced because the credentials in its environment grow old. There is no other way to
 * give a process new ones: SDKs read the environment once.
 *
 * Clocks for time-outs stand still while a machine sleeps, and the machine's own time may be set: so both are looked at.
 */
export class Renewal implements Disposable {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #onDue: (sandbox: Sandbox) => void;
  readonly #queue: DeadlineQueue;
  #timer: Timer | undefined;

  /** @param afterMs from a sandbox's init; at most half of the life of its credentials. */
  constructor(clock: Clock, afterMs: number, onDue: (sandbox: Sandbox) => void) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#onDue = onDue;
    this.#queue = new DeadlineQueue(clock, afterMs, (due) => onDue((due as RenewalDeadline).sandbox));
  }

  /** The sandbox has just been given its credentials. */
  add({ renewal }: Sandbox): void {
    renewal.wallDueAt = this.#clock.wallTime() + this.#afterMs;
    this.#queue.add(renewal, this.#clock.now());
    this.#timer ??= this.#clock.setTimer(LOOK_MS, this.#look);
  }

  remove({ renewal }: Sandbox): void {
    this.#queue.remove(renewal);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#queue[Symbol.dispose]();
  }

  readonly #look = (): void => {
    const wallTime = this.#clock.wallTime();
    for (let first = this.#first; first !== undefined && first.wallDueAt <= wallTime; first = this.#first) {
      this.#queue.remove(first);
      this.#onDue(first.sandbox);
    }
    this.#timer = this.#first === undefined ? undefined : this.#clock.setTimer(LOOK_MS, this.#look);
  };

  get #first(): RenewalDeadline | undefined {
    return this.#queue.first as RenewalDeadline | undefined;
  }
}
