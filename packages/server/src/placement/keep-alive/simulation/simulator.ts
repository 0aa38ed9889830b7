import type { Ahead, KeepAlivePolicy, Resting, VersionKeepAlive } from '../policy.ts';
import { Heap } from './heap.ts';
import type { Workload } from './trace.ts';

export interface SimulationOptions {
  readonly workload: Workload;
  readonly policy: KeepAlivePolicy;
  /** What comes before teaches the policy and is not counted: ms. */
  readonly fromMs: number;
  /** All idle sandboxes together, for policies that keep all that fits: MB. No limit if absent. */
  readonly idleLimitMb?: number;
}

/** What was seen from `fromMs` to the end of the workload. */
export interface SimulationResult {
  invocations: number;
  /** Invocations that found no idle sandbox. */
  cold: number;
  /** Sandboxes made because a policy expected a call. */
  ahead: number;
  /** Of idle sandboxes: MB x ms. */
  idle: number;
  /** The same for each function of the workload. */
  readonly coldOf: Uint32Array;
  readonly idleOf: Float64Array;
}

/** A shorter idle time goes unsaid, as in a server, where the sandbox has not been frozen before. */
const UNSAID_MS = 5;
/** Cost of a new sandbox, where a policy asks: the same for all, since traces don't say. */
const INIT_MS = 1000;

class SimulatedSandbox implements Resting {
  readonly id: number;
  owner!: SimulatedFunction;
  rank = 1;
  idleSince = 0;
  usedMb = 0;
  readonly loadedInMs = INIT_MS;
  keepMs = 0;
  keepWhy = '';
  keepPriority = 0;
  idle = false;
  /** Idle since then for whoever pays the memory. */
  restedAt = 0;
  expiresAt = Infinity;
  /** When the queue of ends looks at it next. */
  lookAt = Infinity;
  /** The priority with which it was queued last; Infinity where it isn't. */
  queuedAt = Infinity;
  above: SimulatedSandbox | undefined;
  below: SimulatedSandbox | undefined;

  constructor(id: number) {
    this.id = id;
  }
}

class SimulatedFunction {
  readonly index: number;
  readonly memoryMb: number;
  readonly keepAlive: VersionKeepAlive;
  top: SimulatedSandbox | undefined;
  busy = 0;
  /** What is to be made again, by rank. */
  readonly wakes = new Map<number, Wake>();

  constructor(index: number, memoryMb: number, keepAlive: VersionKeepAlive) {
    this.index = index;
    this.memoryMb = memoryMb;
    this.keepAlive = keepAlive;
  }
}

interface Wake {
  readonly owner: SimulatedFunction;
  readonly rank: number;
  readonly idleSince: number;
  readonly ahead: Ahead;
}

/**
 * Runs a policy over a workload: the policy is the server's own, the clock is moved from event to event. A sandbox runs one
 * invocation at a time; idle ones are a stack; a cold start takes no time. Of events at the same moment ends of invocations
 * come first, arrivals next, so that what is kept for exactly as long as the gap is found.
 */
export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #functions: SimulatedFunction[];
  readonly #sandboxes: SimulatedSandbox[] = [];
  readonly #free: SimulatedSandbox[] = [];
  readonly #ends = new Heap();
  readonly #expiries = new Heap();
  readonly #wakes = new Heap();
  readonly #planned: Wake[] = [];
  readonly #byPriority = new Priorities(this.#sandboxes);
  readonly #result: SimulationResult;
  #idleMb = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { functions } = options.workload;
    this.#functions = functions.map(
      ({ name, memoryMb }, index) => new SimulatedFunction(index, memoryMb, options.policy.of(`${name}/${index}`)),
    );
    const { length } = functions;
    this.#result = {
      invocations: 0,
      cold: 0,
      ahead: 0,
      idle: 0,
      coldOf: new Uint32Array(length),
      idleOf: new Float64Array(length),
    };
  }

  run(): SimulationResult {
    const { workload } = this.#options;
    const { arrival, run, functionOf, durationMs } = workload;
    for (let index = 0; index < arrival.length; index++) {
      const now = arrival[index]!;
      this.#advance(now);
      const sandbox = this.#begin(this.#functions[functionOf[index]!]!, now);
      this.#ends.push(now + run[index]!, sandbox.id);
    }
    this.#advance(durationMs);
    for (const sandbox of this.#sandboxes) if (sandbox.idle) this.#pay(sandbox, durationMs);
    return this.#result;
  }

  /** Everything that happens before an arrival at `now`. */
  #advance(now: number): void {
    for (;;) {
      const end = this.#ends.first;
      const other = Math.min(this.#expiries.first, this.#wakes.first);
      if (end <= now && end <= other) this.#rest(this.#sandboxes[this.#ends.pop()]!, end);
      else if (other >= now) return;
      else if (this.#expiries.first <= this.#wakes.first) {
        const at = this.#expiries.first;
        this.#expire(this.#sandboxes[this.#expiries.pop()]!, at);
      } else {
        const at = this.#wakes.first;
        this.#wake(this.#planned[this.#wakes.pop()]!, at);
      }
    }
  }

  #begin(owner: SimulatedFunction, now: number): SimulatedSandbox {
    const counted = now >= this.#options.fromMs;
    const rank = ++owner.busy;
    if (counted) this.#result.invocations++;
    let sandbox = owner.top;
    if (sandbox === undefined) {
      if (counted) {
        this.#result.cold++;
        this.#result.coldOf[owner.index]!++;
      }
      this.#needed(owner, rank, now);
      sandbox = this.#make(owner);
    } else {
      if (now - sandbox.restedAt >= UNSAID_MS) this.#needed(owner, rank, now);
      this.#leave(sandbox, now);
    }
    return sandbox;
  }

  #needed(owner: SimulatedFunction, rank: number, now: number): void {
    owner.wakes.delete(rank);
    owner.keepAlive.needed(rank, now);
  }

  /** Its invocation has ended. */
  #rest(sandbox: SimulatedSandbox, now: number): void {
    const { owner } = sandbox;
    sandbox.rank = owner.busy--;
    sandbox.idleSince = now;
    owner.keepAlive.rested(sandbox, now);
    this.#keep(sandbox, now);
  }

  #keep(sandbox: SimulatedSandbox, now: number): void {
    const { owner } = sandbox;
    sandbox.idle = true;
    sandbox.restedAt = now;
    sandbox.below = owner.top;
    sandbox.above = undefined;
    if (owner.top !== undefined) owner.top.above = sandbox;
    owner.top = sandbox;
    sandbox.expiresAt = now + sandbox.keepMs;
    if (sandbox.expiresAt < sandbox.lookAt) this.#lookAt(sandbox, sandbox.expiresAt);
    const { idleLimitMb } = this.#options;
    if (idleLimitMb === undefined) return;
    this.#idleMb += sandbox.usedMb;
    this.#byPriority.add(sandbox);
    while (this.#idleMb > idleLimitMb) this.#evict(this.#byPriority.take(), now);
  }

  #lookAt(sandbox: SimulatedSandbox, at: number): void {
    sandbox.lookAt = at;
    this.#expiries.push(at, sandbox.id);
  }

  #leave(sandbox: SimulatedSandbox, now: number): void {
    const { owner } = sandbox;
    this.#pay(sandbox, now);
    sandbox.idle = false;
    sandbox.expiresAt = Infinity;
    if (this.#options.idleLimitMb !== undefined) this.#idleMb -= sandbox.usedMb;
    if (sandbox.above === undefined) owner.top = sandbox.below;
    else sandbox.above.below = sandbox.below;
    if (sandbox.below !== undefined) sandbox.below.above = sandbox.above;
  }

  #pay(sandbox: SimulatedSandbox, now: number): void {
    const { fromMs, policy } = this.#options;
    policy.spent(sandbox, now - sandbox.restedAt);
    const counted = now - Math.max(fromMs, sandbox.restedAt);
    if (counted <= 0) return;
    this.#result.idle += counted * sandbox.usedMb;
    this.#result.idleOf[sandbox.owner.index]! += counted * sandbox.usedMb;
  }

  /** The queue looks at a sandbox no more often than once in the time that it is kept. */
  #expire(sandbox: SimulatedSandbox, at: number): void {
    // An entry that another with an earlier time has replaced.
    if (at !== sandbox.lookAt) return;
    sandbox.lookAt = Infinity;
    if (sandbox.expiresAt > at) {
      if (sandbox.expiresAt < Infinity) this.#lookAt(sandbox, sandbox.expiresAt);
      return;
    }
    const { owner, rank, idleSince } = sandbox;
    this.#leave(sandbox, at);
    this.#free.push(sandbox);
    const ahead = owner.keepAlive.expired(sandbox, at);
    if (ahead === undefined) return;
    const wake: Wake = { owner, rank, idleSince, ahead };
    owner.wakes.set(rank, wake);
    this.#wakes.push(at + ahead.afterMs, this.#planned.push(wake) - 1);
  }

  #wake(wake: Wake, now: number): void {
    const { owner, rank, idleSince, ahead } = wake;
    // Needed meanwhile, or replaced.
    if (owner.wakes.get(rank) !== wake) return;
    owner.wakes.delete(rank);
    if (now >= this.#options.fromMs) this.#result.ahead++;
    const sandbox = this.#make(owner);
    Object.assign(sandbox, { rank, idleSince, keepMs: ahead.keepMs, keepWhy: ahead.why, keepPriority: now });
    this.#keep(sandbox, now);
  }

  #evict(sandbox: SimulatedSandbox, now: number): void {
    this.#leave(sandbox, now);
    this.#free.push(sandbox);
    sandbox.owner.keepAlive.evicted(sandbox);
  }

  #make(owner: SimulatedFunction): SimulatedSandbox {
    let sandbox = this.#free.pop();
    if (sandbox === undefined) {
      sandbox = new SimulatedSandbox(this.#sandboxes.length);
      this.#sandboxes.push(sandbox);
    }
    sandbox.owner = owner;
    sandbox.usedMb = owner.memoryMb;
    return sandbox;
  }
}

/** Idle sandboxes, least priority first. Each has one entry at most that counts: that with the priority it was last queued with. */
class Priorities {
  readonly #sandboxes: readonly SimulatedSandbox[];
  readonly #heap = new Heap();

  constructor(sandboxes: readonly SimulatedSandbox[]) {
    this.#sandboxes = sandboxes;
  }

  add(sandbox: SimulatedSandbox): void {
    if (sandbox.keepPriority < sandbox.queuedAt) this.#queue(sandbox);
  }

  take(): SimulatedSandbox {
    for (;;) {
      const priority = this.#heap.first;
      const sandbox = this.#sandboxes[this.#heap.pop()]!;
      if (sandbox.queuedAt !== priority) continue;
      sandbox.queuedAt = Infinity;
      if (!sandbox.idle) continue;
      if (sandbox.keepPriority === priority) return sandbox;
      // It has been used since, and is worth more.
      this.#queue(sandbox);
    }
  }

  #queue(sandbox: SimulatedSandbox): void {
    sandbox.queuedAt = sandbox.keepPriority;
    this.#heap.push(sandbox.keepPriority, sandbox.id);
  }
}
