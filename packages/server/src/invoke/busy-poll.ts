import type { Clock } from '../instances/clock.ts';

/**
 * Keeps this process's event loop from sleeping for a moment after something has happened. To wake a processor that
 * sleeps takes 20 us and more on a virtual machine, as long as a small invocation; a loop that looks again and again sees the
 * sandbox's answer, and the client's next request, as soon as they are there. Worth it only while little is under way:
 * under load there is always something to do, and others want the processor.
 */
export class BusyPoll {
  readonly #clock: Clock;
  readonly #forMs: number;
  #until = 0;
  #turning = false;

  /** @param forMs how long to stay awake after each event; 0 for not at all. */
  constructor(clock: Clock, forMs: number) {
    this.#clock = clock;
    this.#forMs = forMs;
  }

  /** Something has happened that another event will follow soon. */
  expect(now: number): void {
    this.#until = now + this.#forMs;
    if (this.#turning || this.#forMs === 0) return;
    this.#turning = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turning = this.#clock.now() < this.#until;
    if (this.#turning) setImmediate(this.#turn);
  };
}
