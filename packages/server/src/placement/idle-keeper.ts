import type { Clock } from '../instances/clock.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import type { Deadline } from './deadline-queue.ts';
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
  /** How long an idle sandbox is kept; 10 minutes is what AWS is observed to do for little used functions. */
  readonly keepAliveMs: number;
  /** The sandbox has been idle for too long. */
  readonly onExpired: (sandbox: Sandbox) => void;
  /** The sandbox can't be frozen, thawed or measured: it is of no use any more. */
  readonly onBroken: (sandbox: Sandbox, error: Error) => void;
  /** An instance has more room than before. */
  readonly onRoom: () => void;
}

/**
 * What happens to a sandbox between invocations: it stays as it is for a moment, is then frozen and counted with what it
 * really uses, and after its keep-alive it is given up. Waking undoes that in constant time.
 */
export class IdleKeeper implements Disposable {
  readonly #options: IdleKeeperOptions;
  readonly #freezeQueue: DeadlineQueue;
  readonly #expiryQueue: DeadlineQueue;

  constructor(options: IdleKeeperOptions) {
    this.#options = options;
    const { clock, freezeAfterMs, keepAliveMs } = options;
    this.#freezeQueue = new DeadlineQueue(clock, freezeAfterMs, (due) => this.#settle(due as Sandbox));
    const rest = Math.max(0, keepAliveMs - freezeAfterMs);
    this.#expiryQueue = new DeadlineQueue(clock, rest, (due) => options.onExpired(due as Sandbox));
  }

  /** The sandbox that has been idle for longest, of those that are frozen. */
  get oldest(): Deadline | undefined {
    return this.#expiryQueue.first;
  }

  /** The sandbox has become idle. */
  rest(sandbox: Sandbox, now: number): void {
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
    return true;
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
    sandbox.usedMb = Math.ceil(usedBytes / MB);
    sandbox.maxUsedMb = Math.max(sandbox.maxUsedMb, Math.ceil(maxBytes / MB));
    sandbox.measuredAt = now;
    // Also when the agent's answer comes after the next invocation has begun: that one holds its full limit.
    if (sandbox.state === 'idle') this.#shrink(sandbox);
  }

  [Symbol.dispose](): void {
    this.#freezeQueue[Symbol.dispose]();
    this.#expiryQueue[Symbol.dispose]();
  }

  #settle(sandbox: Sandbox): void {
    const { instance } = sandbox.instance;
    const now = this.#options.clock.now();
    if (sandbox.keeper === undefined) this.#expiryQueue.add(sandbox, now);
    if (instance.freezer === undefined) {
      instance.send({ type: 'measure', sandboxes: [sandbox.id] });
      return;
    }
    try {
      sandbox.frozen = true;
      instance.freezer.freeze(sandbox.slot);
      const memory = instance.freezer.memory(sandbox.slot);
      this.measured(sandbox, memory.used, memory.max, now);
    } catch (error) {
      this.#options.onBroken(sandbox, error as Error);
    }
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
