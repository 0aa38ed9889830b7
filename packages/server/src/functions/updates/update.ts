import type { FunctionSpec, VersionReason } from '@hearth/protocol';
import type { Canary } from './canary.ts';
import type { Consistency } from './policy.ts';

/** What an invocation runs, and why it is that. */
export interface Choice {
  readonly spec: FunctionSpec;
  readonly reason: VersionReason;
  /** To be told how the invocation has ended, where that matters. */
  readonly report?: ((failed: boolean) => void) | undefined;
}

/** Chooses what runs where there are two versions of `$LATEST`: one that serves and a newer one. */
export interface Chooser {
  /** @param asked by this invocation itself; else what its function says holds. */
  choose(asked: Consistency | undefined): Choice;
}

/** An update under way: `next` is to take over from `old`. */
export class Update implements Chooser {
  readonly old: FunctionSpec;
  readonly next: FunctionSpec;
  /** Called off where the function is deleted, or the server stops. */
  readonly off = new AbortController();
  /** While a part of the invocations tries `next`. */
  canary: Canary | undefined;
  readonly #consistency: Consistency;
  readonly #now: () => number;
  readonly #since: number;
  /** Invocations that `old` has been chosen for since. */
  #stale = 0;

  constructor(old: FunctionSpec, next: FunctionSpec, consistency: Consistency, now: () => number) {
    this.old = old;
    this.next = next;
    this.#consistency = consistency;
    this.#now = now;
    this.#since = now();
  }

  choose(asked: Consistency | undefined): Choice {
    const { old, next, canary } = this;
    const { immediate, maxMs, maxRequests } = asked ?? this.#consistency;
    if (immediate) return { spec: next, reason: 'current' };
    if (canary !== undefined) {
      if (!canary.take()) return { spec: old, reason: 'stale-during-canary' };
      return { spec: next, reason: 'canary', report: (failed) => canary.report(failed) };
    }
    // Past the bound it waits for the new version, as it would wait for the first sandbox of any.
    if (this.#stale >= maxRequests || this.#now() - this.#since >= maxMs) return { spec: next, reason: 'current' };
    this.#stale++;
    return { spec: old, reason: 'stale-while-downloading' };
  }
}

/** After an update that failed: what served before goes on, but for who insists on the newest. */
export class FailedUpdate implements Chooser {
  readonly #old: FunctionSpec;
  readonly #next: FunctionSpec;
  readonly #consistency: Consistency;

  constructor(old: FunctionSpec, next: FunctionSpec, consistency: Consistency) {
    this.#old = old;
    this.#next = next;
    this.#consistency = consistency;
  }

  choose(asked: Consistency | undefined): Choice {
    if ((asked ?? this.#consistency).immediate) return { spec: this.#next, reason: 'current' };
    return { spec: this.#old, reason: 'stale-update-failed' };
  }
}
