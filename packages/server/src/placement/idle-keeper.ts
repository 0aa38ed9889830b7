import type { Clock } from '../instances/clock.ts';
import type { FunctionSpec } from '@hearth/protocol';
import { DeadlineQueue } from './deadline-queue.ts';
import type { FunctionPool } from './function-pool.ts';
import { AheadOfCall, AheadSchedule } from './keep-alive/ahead-schedule.ts';
import { IdleQueues } from './keep-alive/idle-queues.ts';
import type { KeepAlivePolicy } from './keep-alive/policy.ts';
import type { Sandbox } from './sandbox.ts';

const MB = 1024 * 1024;
/** A measurement this recent is good enough for a log line: reading a cgroup costs as much as a small invocation. */
const FRESH_MS = 100;
/** An invocation that takes longer may have used much more than was measured before it, and is worth the reading. */
const LONG_MS = 5;

export interface IdleKeeperOptions {
  readonly clock: Clock;
  /**
   * How long a sandbox stays unfrozen after an invocation. 5 ms spares back-to-back calls a freeze and a thaw, while
   * code that runs on between invocations gets no further than that. 0 freezes at once, as AWS does.
   */
  readonly freezeAfterMs: number;
  /** How long an idle sandbox is kept. */
  readonly policy: KeepAlivePolicy;
  /** The sandbox has been idle for as long as it is kept. */
  readonly onExpired: (sandbox: Sandbox) => void;
  /** The policy wants a sandbox to be there for this call. */
  readonly onExpected: (call: AheadOfCall) => void;
  /** The sandbox can't be frozen, thawed or measured: it is of no use any more. */
  readonly onBroken: (sandbox: Sandbox, error: Error) => void;
  /** An instance has more room than before. */
  readonly onRoom: () => void;
}

/**
 * What happens to a sandbox between invocations: it stays as it is for a moment, then it rests: it is frozen, counted with what it really
 * uses, and kept for as long as the policy says (rows L13, L16, T14, T15). Waking undoes that in constant time. The policy hears of rests only:
 * calls that follow each other faster cost it nothing.
 */
export class IdleKeeper implements Disposable {
  readonly #options: IdleKeeperOptions;
  readonly #freezeQueue: DeadlineQueue;
  readonly #expiries: IdleQueues;
  readonly #schedule: AheadSchedule;

  constructor(options: IdleKeeperOptions) {
    this.#options = options;
    const { clock, freezeAfterMs } = options;
    this.#freezeQueue = new DeadlineQueue(clock, freezeAfterMs, (due) => this.#settle(due as Sandbox));
    this.#expiries = new IdleQueues(clock, (due) => this.#expire(due as Sandbox));
    this.#schedule = new AheadSchedule(clock, (call) => options.onExpected(call));
  }

  /** The sandbox has become idle. */
  rest(sandbox: Sandbox, now: number): void {
    const { pool } = sandbox;
    // One that lies under those with a keeper, or has never been used, is needed when all the others are busy.
    const isNext = pool.top === sandbox && sandbox.hasServed;
    sandbox.rank = isNext ? pool.busy.length + 1 : pool.sandboxes.size;
    if (this.#options.freezeAfterMs === 0) this.#settle(sandbox);
    else this.#freezeQueue.add(sandbox, now);
  }

  /**
   * Gets the sandbox ready to execute: its full limit is committed again, then it is thawed.
   *
   * @returns false where its instance has no room for it now, or it turned out broken.
   */
  wake(sandbox: Sandbox): boolean {
    const missing = sandbox.spec.memoryMb - sandbox.committedMb;
    if (missing > 0) {
      if (!sandbox.instance.fits(missing)) return false;
      sandbox.instance.commit(missing);
      sandbox.committedMb = sandbox.spec.memoryMb;
    }
    if (sandbox.frozen && !this.thaw(sandbox)) return false;
    sandbox.queue?.remove(sandbox);
    sandbox.expects = undefined;
    if (sandbox.restsSince >= 0) {
      const now = this.#options.clock.now();
      this.leave(sandbox, now);
      this.#needed(sandbox.pool, sandbox.pool.busy.length + 1, now);
    }
    return true;
  }

  /** A request has found none idle, and a new one is about to be made for it. */
  missed(pool: FunctionPool): void {
    this.#needed(pool, pool.busy.length + pool.coming + 1, this.#options.clock.now());
  }

  /** The sandbox is idle no more, or about to end. */
  leave(sandbox: Sandbox, now: number): void {
    if (sandbox.restsSince < 0) return;
    this.#options.policy.spent(sandbox, now - sandbox.restsSince);
    sandbox.restsSince = -1;
  }

  /** The version is no more: nothing is made for calls of it. */
  forget(spec: FunctionSpec): void {
    this.#schedule.forget(spec);
  }

  /** Thaws a sandbox that is to run on, or to be killed: a version 1 freezer holds back even SIGKILL. */
  thaw(sandbox: Sandbox): boolean {
    if (!sandbox.frozen) return true;
    sandbox.frozen = false;
    try {
      sandbox.instance.instance.freezer?.thaw(sandbox.slot);
      return true;
    } catch (error) {
      this.#options.onBroken(sandbox, error as Error);
      return false;
    }
  }

  /** Measures what the sandbox uses unless that was done a moment ago. */
  measure(sandbox: Sandbox, now: number): void {
    const { freezer } = sandbox.instance.instance;
    const fresh = now - sandbox.measuredAt < FRESH_MS && now - sandbox.leasedAt < LONG_MS;
    if (freezer === undefined || fresh) return;
    const memory = freezer.memory(sandbox.slot);
    this.measured(sandbox, memory.used, memory.max, now);
  }

  /** The agent has measured, or this process has. */
  measured(sandbox: Sandbox, usedBytes: number, maxBytes: number, now: number): void {
    note(sandbox, usedBytes, maxBytes, now);
    // Also when the agent's answer comes after the next invocation has begun: that one holds its full limit.
    if (sandbox.state === 'idle') this.#shrink(sandbox);
  }

  [Symbol.dispose](): void {
    this.#freezeQueue[Symbol.dispose]();
    this.#expiries[Symbol.dispose]();
    this.#schedule[Symbol.dispose]();
  }

  #settle(sandbox: Sandbox): void {
    const { instance } = sandbox.instance;
    const now = this.#options.clock.now();
    if (instance.freezer === undefined) {
      this.#keep(sandbox, now);
      instance.send({ type: 'measure', sandboxes: [sandbox.id] });
      return;
    }
    try {
      sandbox.frozen = true;
      instance.freezer.freeze(sandbox.slot);
      const memory = instance.freezer.memory(sandbox.slot);
      note(sandbox, memory.used, memory.max, now);
    } catch (error) {
      return this.#options.onBroken(sandbox, error as Error);
    }
    this.#keep(sandbox, now);
    this.#shrink(sandbox);
  }

  #keep(sandbox: Sandbox, now: number): void {
    // Its keeper says how long.
    if (sandbox.keeper !== undefined) return;
    const { freezeAfterMs } = this.#options;
    const call = sandbox.expects;
    if (call === undefined) {
      sandbox.idleSince = sandbox.hasServed ? sandbox.lastUsedAt : now;
      sandbox.pool.keepAlive.rested(sandbox, now);
    } else {
      sandbox.rank = call.rank;
      sandbox.idleSince = call.idleSince;
      sandbox.keepMs = call.keepMs;
      sandbox.keepWhy = `made ahead of a call: ${call.why}`;
      // Nobody has used it: the first to go.
      sandbox.keepPriority = -Infinity;
    }
    sandbox.restsSince = now;
    this.#expiries.add(sandbox, sandbox.keepMs - freezeAfterMs, now);
  }

  #expire(sandbox: Sandbox): void {
    const { clock, onExpired } = this.#options;
    const { spec, pool, rank, idleSince } = sandbox;
    const now = clock.now();
    const ahead = pool.retired ? undefined : pool.keepAlive.expired(sandbox, now);
    if (ahead !== undefined) this.#schedule.add(new AheadOfCall(spec, rank, idleSince, ahead), ahead.afterMs, now);
    onExpired(sandbox);
  }

  #needed(pool: FunctionPool, rank: number, now: number): void {
    this.#schedule.cancel(pool.spec, rank);
    pool.keepAlive.needed(rank, now);
  }

  #shrink(sandbox: Sandbox): void {
    if (sandbox.keeper !== undefined) return;
    const needed = Math.max(1, Math.min(sandbox.spec.memoryMb, sandbox.usedMb));
    const surplus = sandbox.committedMb - needed;
    if (surplus <= 0) return;
    sandbox.committedMb = needed;
    sandbox.instance.giveBack(surplus);
    this.#options.onRoom();
  }
}

function note(sandbox: Sandbox, usedBytes: number, maxBytes: number, now: number): void {
  sandbox.usedMb = Math.ceil(usedBytes / MB);
  sandbox.maxUsedMb = Math.max(sandbox.maxUsedMb, Math.ceil(maxBytes / MB));
  sandbox.measuredAt = now;
}
