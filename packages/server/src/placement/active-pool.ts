import type { FunctionSpec } from '@hearth/protocol';
import type { Capacity, InstanceNeed, TakenInstance } from '../capacity/capacity.ts';
import { HealthCheck } from '../capacity/health-check.ts';
import type { Holding } from '../capacity/holding.ts';
import type { Clock } from '../instances/clock.ts';
import type { AgentReport, Instance } from '../instances/provider.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { homeOf } from './home.ts';
import type { InstanceIndex, Rung } from './instance-index.ts';
import { ManagedInstance } from './managed-instance.ts';
import type { ServerLog } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

export interface ActivePoolOptions {
  readonly clock: Clock;
  readonly capacity: Capacity;
  readonly index: InstanceIndex;
  /** The number of the manager whose they are. */
  readonly manager: number;
  readonly overheadMb: number;
  /** Whether the home of this function may have no more instances, those of all managers counted. */
  readonly isFull: (spec: FunctionSpec) => boolean;
  /** How long an empty instance is kept. */
  readonly instanceKeepAliveMs: number;
  /** See {@link HealthCheck}. */
  readonly healthCheckMs: number;
  readonly onLog: ServerLog;
  /** It is not well (row X22): no more work for it. */
  readonly onIll: (instance: ManagedInstance, reason: string) => void;
  readonly onReport: (instance: ManagedInstance, report: AgentReport) => void;
  /** The instance is gone, and this sandbox with it. */
  readonly onSandboxGone: (sandbox: Sandbox, reason: string) => void;
}

/** The active pool: instances that are an account's, from when they are adopted until they are gone. */
export class ActivePool implements AsyncDisposable {
  readonly instances = new Set<ManagedInstance>();
  readonly #options: ActivePoolOptions;
  readonly #empty: DeadlineQueue;
  readonly #health: HealthCheck;
  /** Each as it is managed here now; undefined while it waits in its sub-pool. */
  readonly #known = new WeakMap<Instance, ManagedInstance | undefined>();

  constructor(options: ActivePoolOptions) {
    this.#options = options;
    this.#empty = new DeadlineQueue(options.clock, options.instanceKeepAliveMs, (due) =>
      this.#expired(due as ManagedInstance),
    );
    this.#health = new HealthCheck({
      clock: options.clock,
      intervalMs: options.healthCheckMs,
      onUnhealthy: (instance, reason) => options.onIll(this.#known.get(instance)!, reason),
    });
  }

  /**
   * Step 4 of the ladder: an instance that was ready in a sub-pool of the account; undefined where there is none. For one that waits
   * since then, by the clock, an instance that was made meanwhile is step 5.
   */
  fromOwn(spec: FunctionSpec, waitingSince: number | undefined): Rung | undefined {
    return this.#adoptTaken(this.#options.capacity.bought.take(this.needOf(spec, waitingSince)), spec);
  }

  /** The same of an instance that was warm and belonged to nobody, now this account's. */
  fromWarmingPool(spec: FunctionSpec, waitingSince: number | undefined): Rung | undefined {
    if (this.#options.isFull(spec)) return undefined;
    return this.#adoptTaken(this.#options.capacity.take(this.needOf(spec, waitingSince)), spec);
  }

  /** What capacity is told of a request. */
  needOf(spec: FunctionSpec, waitingSince: number | undefined): InstanceNeed {
    const { account, runtime, timeoutMs, capacityClass } = spec;
    const memoryMb = spec.memoryMb + this.#options.overheadMb;
    const home = homeOf(spec);
    return { account, home, runtime, memoryMb, timeoutMs, capacityClass: capacityClass?.name, waitingSince };
  }

  /** An instance of uncommon size has come; it goes again if nobody uses it. */
  adoptUncommon(instance: Instance, spec: FunctionSpec): void {
    const home = homeOf(spec);
    this.emptied(this.#adopt(instance, home, this.#options.capacity.bought.onDemand(spec.account, 'none', home)));
  }

  /** No sandbox is left in it. */
  emptied(instance: ManagedInstance): void {
    if (instance.state === 'active') this.#empty.add(instance, this.#options.clock.now());
  }

  /**
   * It is to end when what it executes has ended (rows A6 to A8). From now on nobody is given a sandbox of it: idle ones are out of their stacks
   * and end with it, the others when they have done what was sent to them.
   */
  drain(instance: ManagedInstance, reason: string): void {
    if (instance.state !== 'active') return;
    this.#options.onLog('info', `instance ${instance.id} takes no more work: ${reason}`);
    instance.drain();
    this.#health.remove(instance.instance);
    for (const sandbox of instance.sandboxes.values()) {
      if (sandbox.state === 'idle') sandbox.pool.take(sandbox);
      else sandbox.lastReason ??= `its instance ends: ${reason}`;
      const { keeper } = sandbox;
      sandbox.keeper = undefined;
      keeper?.lost(sandbox);
    }
    this.endIfQuiet(instance);
  }

  /** The end of a draining instance, if it executes nothing any more. */
  endIfQuiet(instance: ManagedInstance): void {
    if (instance.state === 'draining' && instance.busyMb === 0) this.giveUp(instance, 'all that it executed has ended');
  }

  /** The same of one that capacity wants back; nothing happens if it is not here. */
  recall(instance: Instance): void {
    const managed = this.#known.get(instance);
    if (managed !== undefined) this.drain(managed, 'its capacity is wanted back');
  }

  /**
   * Memory is needed for what is guaranteed to somebody: of the instances that are paid for by use one ends, of variable capacity rather than on
   * demand, idle rather than busy, and of the idle ones the one that was used longest ago. Of busy ones one at a time takes no more work.
   *
   * @returns whether memory is on its way.
   */
  reclaim(): boolean {
    let best: ManagedInstance | undefined;
    let leaving = false;
    for (const instance of this.instances) {
      if (instance.holding.isGuaranteed) continue;
      if (instance.state !== 'active') leaving = true;
      else if (best === undefined || yieldsBefore(instance, best)) best = instance;
    }
    if (best === undefined || (leaving && best.busyMb > 0)) return leaving;
    this.drain(best, 'its memory is needed for what is guaranteed');
    return true;
  }

  /** Ends it now, with whatever is in it. */
  giveUp(instance: ManagedInstance, reason: string): void {
    if (instance.givenUp) return;
    instance.givenUp = true;
    const { onLog } = this.#options;
    onLog('info', `instance ${instance.id} ends: ${reason}`);
    instance.drain();
    instance.instance[Symbol.asyncDispose]().catch((error: Error) =>
      onLog('error', `instance ${instance.id} could not be removed: ${error.message}`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.instances].map(({ instance }) => instance[Symbol.asyncDispose]()));
    this.#empty[Symbol.dispose]();
    this.#health[Symbol.dispose]();
  }

  #adoptTaken(taken: TakenInstance | undefined, spec: FunctionSpec): Rung | undefined {
    if (taken === undefined) return undefined;
    const { instance, holding, step, reason } = taken;
    return { instance: this.#adopt(instance, homeOf(spec), holding), step, name: step, reason };
  }

  #adopt(instance: Instance, home: string, holding: Holding): ManagedInstance {
    const { index, manager, overheadMb, onReport } = this.#options;
    instance.assign(holding.account);
    const room = index.roomOf(home, holding);
    const managed = new ManagedInstance(instance, home, holding, manager, overheadMb, room);
    this.instances.add(managed);
    this.#health.add(instance);
    index.add(managed);
    instance.listen({
      onReport: (report) => onReport(managed, report),
      onStdio: (connection, bytes) => managed.connections.get(connection)?.onOutput(bytes),
    });
    // One that comes back from its sub-pool has been here before.
    if (!this.#known.has(instance)) {
      instance.onGone((reason) => {
        const current = this.#known.get(instance);
        if (current !== undefined) this.#onGone(current, reason);
      });
    }
    this.#known.set(instance, managed);
    return managed;
  }

  /** It has been empty for longer than its keep-alive: what was bought waits again for its account, the others end. */
  #expired(managed: ManagedInstance): void {
    if (managed.holding.isBought && this.#options.capacity.bought.giveBack(managed.instance)) {
      managed.end();
      this.instances.delete(managed);
      this.#options.index.remove(managed);
      this.#known.set(managed.instance, undefined);
      this.#health.remove(managed.instance);
      return;
    }
    this.giveUp(managed, 'empty for longer than its keep-alive');
  }

  #onGone(instance: ManagedInstance, reason: string): void {
    instance.end();
    instance.queue?.remove(instance);
    this.instances.delete(instance);
    this.#health.remove(instance.instance);
    this.#options.index.remove(instance);
    for (const sandbox of instance.sandboxes.values()) this.#options.onSandboxGone(sandbox, reason);
  }
}

function yieldsBefore(one: ManagedInstance, other: ManagedInstance): boolean {
  const rank = ({ holding, busyMb, kept }: ManagedInstance): number =>
    (holding.class === 'variable' ? 0 : 4) + (kept > 0 ? 2 : 0) + (busyMb > 0 ? 1 : 0);
  const difference = rank(one) - rank(other);
  if (difference !== 0) return difference < 0;
  return one.busyMb > 0 ? one.busyMb < other.busyMb : one.lastUsedAt < other.lastUsedAt;
}
