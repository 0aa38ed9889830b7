import { availableParallelism } from 'node:os';
import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { FunctionSpec, RuntimeId } from '@hearth/protocol';
import type { FindFunction } from '../capacity/bought/ports.ts';
import { Capacity } from '../capacity/capacity.ts';
import { declare } from '../capacity/configuration.ts';
import type { HistoryStore } from '../capacity/history.ts';
import type { PoolSizing } from '../capacity/pool-size.ts';
import type { DemandForecast } from '../capacity/trend/demand-forecast.ts';
import { systemClock } from '../instances/clock.ts';
import type { Clock } from '../instances/clock.ts';
import type { Provider } from '../instances/provider.ts';
import { Managers } from '../placement/managers.ts';
import { Provisioned } from '../placement/provisioned.ts';
import type { ProvisionedState } from '../placement/provisioned.ts';
import { Rollout } from '../placement/rollout.ts';
import type { Sandbox } from '../placement/sandbox.ts';
import type { CredentialsFor, LogSink, RuntimeComing, ServerLog } from '../placement/ports.ts';
import { createPolicy } from '../placement/keep-alive/policies.ts';
import type { PolicyName } from '../placement/keep-alive/policy.ts';
import { WorkerManager } from '../placement/worker-manager.ts';
import type { WorkerManagerOptions } from '../placement/worker-manager.ts';
import type { FunctionIdentity } from './concurrency.ts';
import type { Invocation, InvocationOutcome } from './invocation.ts';
import { Deferrals } from './deferral/deferrals.ts';
import type { DeferrableCall, Ran } from './deferral/ports.ts';
import { countsOf, viewOf } from './fleet-view.ts';
import type { FleetStats, FleetView } from './fleet-view.ts';
import { Histories } from './history/histories.ts';
import type { SizingView } from './history/histories.ts';
import { loadAhead, PROVISIONED_INIT_TIMEOUT_MS } from './load-ahead.ts';
import type { RecordSink } from './ports.ts';
import { PreparedSandboxes } from './prepared-sandboxes.ts';
import { Router } from './router.ts';
import { Scaling } from './scaling.ts';
import type { Bounds } from './scaling.ts';

export interface FleetOptions {
  readonly provider: Provider;
  readonly logs: LogSink;
  readonly records: RecordSink;
  readonly credentialsFor: CredentialsFor;
  /** A sandbox is replaced when its credentials are this old: ms. */
  readonly renewAfterMs?: number;
  /** Variables that tell a function where the services are that Hearth answers; none if absent. */
  readonly endpointVariables?: readonly string[];
  readonly onLog: ServerLog;
  /** The machine's clock if absent. */
  readonly clock?: Clock;
  /** Warm instances kept in sub-pool `general` at least; 2 if absent. */
  readonly warmInstances?: number;
  /** Between two checks of the health of an instance: ms; 5 minutes if absent, 0 for none. */
  readonly healthCheckMs?: number;
  /** How that pool sizes itself beyond that; see {@link POOL_SIZING}. */
  readonly poolSizing?: Partial<PoolSizing>;
  /** Sizes of warm instances: MB; `instanceMemoryMb` alone if absent. */
  readonly warmSizesMb?: readonly number[];
  /** Size of an instance; what its functions' memory sizes add up to is this less `overheadMb`. */
  readonly instanceMemoryMb: number;
  readonly instanceCpus: number;
  /** All instances together. */
  readonly maxMemoryMb: number;
  /** For which runtimes instances are kept warm; the built-in one if absent. */
  readonly warmRuntimes?: readonly RuntimeId[];
  /** Whether a runtime's binary is there. All are, if absent. */
  readonly hasRuntime?: (runtime: RuntimeId) => boolean;
  /** Keeps what is learnt of the demand over restarts; nothing is kept if absent. */
  readonly history?: HistoryStore;
  /** Undefined where this runtime can be used; else resolves when it can, and rejects where it can't. All can be, if absent. */
  readonly runtimeComing?: RuntimeComing;
  /** Spares kept ready in each instance; 4 if absent. */
  readonly spares?: number;
  /** Clean slots kept ready in each instance beside the spares; 16 if absent. */
  readonly slots?: number;
  /** Sandboxes in one instance, idle ones included; 1,000 if absent. */
  readonly maxSandboxes?: number;
  /** What agent, zygotes and spares of an instance use; 192 if absent: 80 were measured with one runtime, 160 with all three. */
  readonly overheadMb?: number;
  /** 5 if absent; 0 is exact. */
  readonly freezeAfterMs?: number;
  /** The policy that says how long idle sandboxes are kept; `fixed` if absent. */
  readonly keepAlive?: PolicyName;
  /** What `fixed` keeps each; 10 minutes if absent. */
  readonly sandboxKeepAliveMs?: number;
  /** Longer than a sandbox is ever kept; 30 minutes if absent. */
  readonly instanceKeepAliveMs?: number;
  /** Worker managers, which divide the accounts among themselves; 1 if absent. */
  readonly managers?: number;
  /** What one of them runs for one account before another has to; 1,000 if absent. */
  readonly accountLeases?: number;
  /** See {@link WorkerManager}'s options; 0.5 if absent. */
  readonly scaleInBelow?: number;
  /** How long a request waits for room before it is throttled; 30 s if absent. */
  readonly waitMs?: number;
  /** Requests a second that may begin to wait for room, whatever the queue; 100 if absent. */
  readonly shedAbove?: number;
  /** The machine's if absent. */
  readonly processors?: number;
  /** See {@link Router}'s options; 0 if absent. */
  readonly pollMs?: number;
  /** Invocations of a quick function sent ahead to a busy sandbox; 8 if absent. */
  readonly ahead?: number;
  /** See {@link Router}'s options; 1,000 if absent. */
  readonly accountConcurrency?: (account: string) => number;
  /** By which deferrable invocations choose their time; the fleet's own history if absent. */
  readonly forecast?: DemandForecast;
  /** Finds functions that bought capacity is prepared for; none if absent. */
  readonly findFunction?: FindFunction;
  /** How long invocations under way may take when the fleet stops; 10 s if absent. */
  readonly drainMs?: number;
}

/** No policy keeps a sandbox for longer than this share of what an empty instance is kept (row Z3). */
const LONGEST_SHARE = 0.95;

/**
 * How the warming pool sizes itself unless told otherwise. Eight warm instances cost half a gigabyte at most; a draw is a
 * new account or one that has outgrown its instances, so six in a minute are many; an instance serves thousands of quick
 * requests a second, but of slow ones 200 a second soon fill it.
 */
const POOL_SIZING: Omit<PoolSizing, 'least'> = {
  most: 8,
  refill: 1,
  busyRefill: 2,
  busyDrawsPerMinute: 6,
  busyRequestsPerSecond: 200,
};

/** Everything that runs functions: capacity, the worker managers and the router on one provider. */
export class Fleet implements AsyncDisposable {
  readonly #capacity: Capacity;
  readonly #placement: Managers;
  readonly #router: Router;
  readonly #deferrals: Deferrals;
  readonly #histories = new Histories();
  readonly #rollout: Rollout;
  readonly #provisioned: Provisioned;
  readonly #scaling: Scaling;
  /** What is kept initialised because of what accounts have bought. */
  readonly #prepared: Provisioned;
  readonly #clock: Clock;
  readonly #drainMs: number;
  #stopped: Promise<void> | undefined;

  constructor(options: FleetOptions) {
    const { provider, logs, records, credentialsFor, onLog } = options;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#drainMs = options.drainMs ?? 10_000;
    const processors = options.processors ?? availableParallelism();
    const healthCheckMs = options.healthCheckMs ?? 5 * 60_000;
    const sizes = options.warmSizesMb ?? [options.instanceMemoryMb];
    const overheadMb = options.overheadMb ?? 192;
    let preparing: PreparedSandboxes | undefined;
    this.#capacity = new Capacity({
      onPrepared: (wanted) => preparing?.follow(wanted),
      overheadMb,
      findFunction: options.findFunction ?? (() => undefined),
      provider,
      clock,
      instanceMemoryMb: options.instanceMemoryMb,
      instanceCpus: options.instanceCpus,
      configurations: declare(options.warmRuntimes ?? [BUILT_IN_RUNTIME], sizes),
      hasRuntime: options.hasRuntime ?? (() => true),
      sizing: { ...POOL_SIZING, least: options.warmInstances ?? 2, ...options.poolSizing },
      requests: () => this.#router.received,
      healthCheckMs,
      load: () => this.#router.inFlight,
      ...(options.history && { history: options.history }),
      spares: options.spares ?? 4,
      slots: options.slots ?? 16,
      maxSandboxes: options.maxSandboxes ?? 1_000,
      maxMemoryMb: options.maxMemoryMb,
      atOnce: processors,
      onLog,
    });
    const accountConcurrency = options.accountConcurrency ?? (() => 1_000);
    const epoch = clock.wallTime();
    const waitMs = options.waitMs ?? 30_000;
    const { accountLeases = 1_000 } = options;
    const { sandboxKeepAliveMs = 10 * 60_000, instanceKeepAliveMs = 30 * 60_000 } = options;
    const keepAlive = {
      idleMs: sandboxKeepAliveMs,
      maxIdleMs: Math.max(sandboxKeepAliveMs, LONGEST_SHARE * instanceKeepAliveMs),
    };
    const common: Omit<WorkerManagerOptions, 'manager' | 'keepAlive'> = {
      epoch,
      clock,
      accountLeases,
      capacity: this.#capacity,
      allInstances: () => placement.instances,
      logs,
      credentialsFor,
      renewAfterMs: options.renewAfterMs ?? 60 * 60_000,
      endpointVariables: options.endpointVariables ?? [],
      runtimeComing: options.runtimeComing ?? (() => undefined),
      onLog,
      freezeAfterMs: options.freezeAfterMs ?? 5,
      instanceKeepAliveMs,
      waitMs,
      isFull: (spec) => this.#scaling.isFull(spec),
      mayHaveMore: (spec, kept) => this.#scaling.mayHaveMore(spec, kept),
      shedAbove: options.shedAbove ?? 100,
      processors,
      ahead: options.ahead ?? 8,
      scaleInBelow: options.scaleInBelow ?? 0.5,
      healthCheckMs,
      load: (sandbox) => loadAhead(sandbox, placement, clock),
      overheadMb,
    };
    const managers = Array.from(
      { length: options.managers ?? 1 },
      (_, manager) =>
        new WorkerManager({ ...common, manager, keepAlive: createPolicy(options.keepAlive ?? 'fixed', keepAlive) }),
    );
    const placement: Managers = new Managers({ clock, managers, epoch, accountLeases, accountConcurrency, waitMs });
    this.#placement = placement;
    this.#scaling = new Scaling(placement, options.instanceCpus);
    this.#rollout = new Rollout({
      clock,
      placement,
      load: (sandbox) => loadAhead(sandbox, placement, clock),
      processors,
      onLog,
    });
    const kept = {
      clock,
      placement,
      load: (sandbox: Sandbox) => loadAhead(sandbox, placement, clock, PROVISIONED_INIT_TIMEOUT_MS),
      processors,
      onLog,
    };
    this.#provisioned = new Provisioned({ ...kept, keptFor: 'provisioned concurrency' });
    this.#prepared = new Provisioned({ ...kept, keptFor: 'bought capacity', wish: { ownOnly: true } });
    preparing = new PreparedSandboxes((spec, count) => this.#prepared.keep(spec, count));
    const { pollMs = 0 } = options;
    const histories = this.#histories;
    this.#router = new Router({ clock, placement, records, histories, accountConcurrency, processors, pollMs });
    const router = this.#router;
    this.#deferrals = new Deferrals({
      clock,
      records,
      forecast: options.forecast ?? this.#capacity.forecast,
      run: (invocation) => router.invoke(invocation),
      expectedMs: (spec) => histories.get(spec)?.expectedMs,
      atOnce: processors,
    });
  }

  /** The instances that nothing runs on. */
  get capacity(): Capacity {
    return this.#capacity;
  }

  /** Begins to fill the warming pool; see {@link Capacity.start}. */
  start(): Promise<void> {
    return this.#capacity.start();
  }

  /** Whether an instance is there to run something, or none is kept. */
  get ready(): boolean {
    return this.#capacity.isReady || this.#placement.instances.length > 0;
  }

  /** Why no instance can be made at present, if that is so. */
  get lastError(): Error | undefined {
    return this.#capacity.lastError;
  }

  /** See {@link Router.invoke}. */
  invoke(invocation: Invocation): Promise<InvocationOutcome> {
    return this.#router.invoke(invocation);
  }

  /** See {@link Deferrals.invoke}. */
  invokeWhenCheap(call: DeferrableCall): Promise<Ran> {
    return this.#deferrals.invoke(call);
  }

  /** See {@link Rollout.isWarm}. */
  isWarm(spec: FunctionSpec): boolean {
    return this.#rollout.isWarm(spec);
  }

  /** Gets a version ready to take over from another; see {@link Rollout.prepare}. */
  prepare(old: FunctionSpec, next: FunctionSpec, signal: AbortSignal): Promise<void> | undefined {
    return this.#rollout.prepare(old, next, signal);
  }

  /** Traffic has moved away from this version, or it is deleted; see {@link WorkerManager.retire}. */
  retire(spec: FunctionSpec): void {
    this.#histories.forget(spec);
    this.provision(spec, 0);
    this.#scaling.forget(spec);
    this.#prepared.keep(spec, 0);
    this.#placement.retire(spec);
  }

  /** Resolves when everything that a retired version was asked for has begun; see {@link Rollout.begun}. */
  begun(spec: FunctionSpec): Promise<void> | undefined {
    return this.#rollout.begun(spec);
  }

  /** A function's reserved concurrency from now on; undefined where it has none. */
  reserve(spec: FunctionIdentity, count: number | undefined): void {
    this.#router.reserve(spec, count);
    this.#placement.reserve(spec, count !== undefined);
  }

  /** So many sandboxes of a published version are kept initialised from now on; see {@link Provisioned}. */
  provision(spec: FunctionSpec, count: number): void {
    this.#router.provision(spec, count);
    this.#provisioned.keep(spec, count);
  }

  /** The instances of a capacity provider may have so many processors together from now on; with undefined it is no more. */
  limitProvider(arn: string, maxVCpus: number | undefined): void {
    this.#scaling.limitProvider(arn, maxVCpus);
  }

  /**
   * A version on a capacity provider keeps `min` sandboxes initialised from now on, and has `max` at most. Those that are too many
   * end when they are idle.
   */
  scale(spec: FunctionSpec, bounds: Bounds): void {
    this.#scaling.bound(spec, bounds);
    this.#provisioned.keep(spec, bounds.min);
    this.#scaling.apply(spec);
  }

  /** How many are, and why no more; see {@link Provisioned.state}. */
  provisionedState(spec: FunctionSpec): ProvisionedState {
    return this.#provisioned.state(spec);
  }

  /** This version is deleted; see {@link WorkerManager.forget}. */
  forgetVersion(spec: FunctionSpec): void {
    this.#placement.forget(spec);
  }

  /** A function is deleted: all that has been kept about it goes. */
  forget(spec: FunctionSpec): void {
    this.#histories.forget(spec);
    this.#placement.forget(spec);
    this.#placement.reserve(spec, false);
    this.#router.forget(spec);
  }

  /** What `GET /_hearth/fleet` shows. */
  view(): FleetView {
    return viewOf(this.#placement.instances, this.#capacity, this.#clock);
  }

  /** What `GET /_hearth/advice` shows. */
  advice(): { functions: SizingView[] } {
    return { functions: this.#histories.view() };
  }

  /** Numbers for metrics. */
  stats(): FleetStats {
    const { waiting, throttled, evicted, madeAhead, instances } = this.#placement;
    return {
      inFlight: this.#router.inFlight,
      waiting,
      deferred: this.#deferrals.waiting,
      throttled,
      evicted,
      madeAhead,
      ...countsOf(instances, this.#capacity),
    };
  }

  /** Lets invocations under way finish, up to the limit; then everything is destroyed. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#deferrals[Symbol.dispose]();
    await this.#router.drain(this.#drainMs);
    this.#provisioned[Symbol.dispose]();
    this.#prepared[Symbol.dispose]();
    await Promise.all([this.#placement[Symbol.asyncDispose](), this.#capacity[Symbol.asyncDispose]()]);
    this.#router[Symbol.dispose]();
  }
}

export function createFleet(options: FleetOptions): Fleet {
  return new Fleet(options);
}
