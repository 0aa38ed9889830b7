/**
 * The steps of the ladder, in their order, and what may come between: `line` is a moment's wait for a busy sandbox, `bought` what the account has
 * bought and its policy for when that is used up, `runtime` a language
 * runtime that is being fetched, `wait` a wait for room, `again` a sandbox that came to nothing.
 */
export type LadderStepName =
  | 'idle'
  | 'line'
  | 'runtime'
  | 'code'
  | 'room'
  | 'bought'
  | 'warming'
  | 'boot'
  | 'wait'
  | 'again';

/** One step of the ladder that was tried. */
export interface LadderStep {
  readonly step: LadderStepName;
  /** Whether it gave the sandbox. */
  readonly taken: boolean;
  /** Why, or why not: in words. */
  readonly why: string;
  /** Milliseconds since the request's arrival. */
  readonly at: number;
}

/** A request that is given one sandbox after the other, and each of them dies, is cut short in its story and not in its service. */
const MAX_STEPS = 40;

/** What was tried for one request that found no idle sandbox, as it happens: readers see it while it waits. */
export class Trail {
  readonly steps: LadderStep[] = [];
  readonly #receivedAt: number;

  /** @param receivedAt the clock's time at which the request came. */
  constructor(receivedAt: number) {
    this.#receivedAt = receivedAt;
  }

  /** What was written down last: in words. */
  get last(): string | undefined {
    return this.steps.at(-1)?.why;
  }

  /** @param now by the clock. */
  missed(step: LadderStepName, why: string, now: number): void {
    this.#add(step, false, why, now);
  }

  took(step: LadderStepName, why: string, now: number): void {
    this.#add(step, true, why, now);
  }

  #add(step: LadderStepName, taken: boolean, why: string, now: number): void {
    if (this.steps.length === MAX_STEPS) this.steps.pop();
    this.steps.push({ step, taken, why, at: Math.round((now - this.#receivedAt) * 1000) / 1000 });
  }
}
