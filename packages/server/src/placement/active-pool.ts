import type { FunctionSpec } from '@hearth/protocol';
import type { Capacity } from '../capacity/capacity.ts';
import { HealthCheck } from '../capacity/health-check.ts';
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
  readonly #byInstance = new Map<Instance, ManagedInstance>();

  constructor(options: ActivePoolOptions) {
    this.#options = options;
    this.#empty = new DeadlineQueue(options.clock, options.instanceKeepAliveMs, (due) =>
      this.giveUp(due as ManagedInstance, 'empty for longer than its keep-alive'),
    );
    this.#health = new HealthCheck({
      clock: options.clock,
      intervalMs: options.healthCheckMs,
      onUnhealthy: (instance, reason) => options.onIll(this.#byInstance.get(instance)!, reason),
    });
  }

  /**
   * Step 4 of the ladder: an instance that was warm, now this account's; undefined where there is none. For one that waits since
   * then, by the clock, an instance that was made meanwhile is step 5.
   */
  fromWarmingPool(spec: FunctionSpec, waitingSince: number | undefined): Rung | undefined {
    const { capacity, overheadMb } = this.#options;
    if (this.#options.isFull(spec)) return undefined;
    const { account, runtime } = spec;
    const taken = capacity.take({ account, runtime, memoryMb: spec.memoryMb + overheadMb, waitingSince });
    if (taken === undefined) return undefined;
    const { instance, subPool, step, reason } = taken;
    return { instance: this.#adopt(instance, spec, subPool), step, name: step, reason };
  }

  /** An instance of uncommon size has come; it goes again if nobody uses it. */
  adoptUncommon(instance: Instance, spec: FunctionSpec): void {
    this.emptied(this.#adopt(instance, spec, 'none'));
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

  #adopt(instance: Instance, spec: FunctionSpec, subPool: string): ManagedInstance {
    const { account } = spec;
    const home = homeOf(spec);
    const { index, manager, overheadMb, onReport } = this.#options;
    instance.assign(account);
    const managed = new ManagedInstance(instance, account, home, subPool, manager, overheadMb, index.roomOf(home));
    this.instances.add(managed);
    this.#byInstance.set(instance, managed);
    this.#health.add(instance);
    index.add(managed);
    instance.listen({
      onReport: (report) => onReport(managed, report),
      onStdio: (connection, bytes) => managed.connections.get(connection)?.onOutput(bytes),
    });
    instance.onGone((reason) => this.#onGone(managed, reason));
    return managed;
  }

  #onGone(instance: ManagedInstance, reason: string): void {
    instance.end();
    instance.queue?.remove(instance);
    this.instances.delete(instance);
    this.#byInstance.delete(instance.instance);
    this.#health.remove(instance.instance);
    this.#options.index.remove(instance);
    for (const sandbox of instance.sandboxes.values()) this.#options.onSandboxGone(sandbox, reason);
  }
}
