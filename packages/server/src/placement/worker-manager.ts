import { ApiError, archivesFor } from '@hearth/protocol';
import type { CapacityRefusal, CapacityRequest, FunctionSpec } from '@hearth/protocol';
import type { Capacity } from '../capacity/capacity.ts';
import type { Clock } from '../instances/clock.ts';
import type { AgentReport } from '../instances/provider.ts';
import { ActivePool } from './active-pool.ts';
import { Endings } from './endings.ts';
import type { FunctionPool } from './function-pool.ts';
import { FunctionPools } from './function-pools.ts';
import { IdleKeeper } from './idle-keeper.ts';
import { AheadMaker } from './keep-alive/ahead-maker.ts';
import type { KeepAlivePolicy } from './keep-alive/policy.ts';
import { versionOf } from './keep-alive/policy.ts';
import { Initialiser } from './initialiser.ts';
import type { InitOutcome } from './initialiser.ts';
import { InstanceIndex } from './instance-index.ts';
import { Ladder, stopping } from './ladder.ts';
import { Leases } from './leases.ts';
import type { LineOptions, PatientRequest } from './line.ts';
import { LoadGuard } from './load-guard.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { PlacementRequest } from './placement-request.ts';
import type { PlacementWish } from './placement-request.ts';
import type { CredentialsFor, LogSink, RuntimeComing, ServerLog } from './ports.ts';
import { onlyOn, Replacements } from './replacements.ts';
import type { LoadSandbox } from './replacements.ts';
import { RoomMaker } from './room-maker.ts';
import type { Sandbox, SandboxLoss } from './sandbox.ts';
import { ScaleIn } from './scale-in.ts';
import { Starter } from './starter.ts';
import type { Trail } from './trail.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface WorkerManagerOptions {
  /** Its number among the managers. */
  readonly manager: number;
  /** Of the ring by which it has its accounts. */
  readonly epoch: number;
  /** Those of all managers, which share the machine's memory; its own if absent. */
  readonly allInstances?: () => Iterable<ManagedInstance>;
  /** Leases that one account may have here before it is answered `throttled`. */
  readonly accountLeases: number;
  readonly clock: Clock;
  readonly capacity: Capacity;
  readonly logs: LogSink;
  readonly credentialsFor: CredentialsFor;
  /** See {@link Renewal}. */
  readonly renewAfterMs: number;
  /** Of the services that a function reaches here, see environment.ts. */
  readonly endpointVariables: readonly string[];
  readonly runtimeComing: RuntimeComing;
  readonly onLog: ServerLog;
  /** See {@link IdleKeeper}. */
  readonly freezeAfterMs: number;
  readonly keepAlive: KeepAlivePolicy;
  /** How long an empty instance is kept: longer than a sandbox, since a new one costs more. */
  readonly instanceKeepAliveMs: number;
  /** Of the machine; more sandboxes than these can't run at once. */
  readonly processors: number;
  /** See {@link LineOptions}. */
  readonly ahead: number;
  /** Whether this function may have another sandbox, to be kept or for a request, those of all managers counted. */
  readonly mayHaveMore: (spec: FunctionSpec, kept: boolean) => boolean;
  /** Whether what this function runs on (home.ts) may have no more instances. */
  readonly isFull: (spec: FunctionSpec) => boolean;
  /** How long a request waits for room. */
  readonly waitMs: number;
  /** Requests a second that may begin to wait, whatever the queue; see {@link LoadGuard}. */
  readonly shedAbove: number;
  /** An account that runs something in less than this share of its instances' memory gives one back; 0: none does. See {@link ScaleIn}. */
  readonly scaleInBelow: number;
  /** See {@link HealthCheck}; of the active instances. */
  readonly healthCheckMs: number;
  /** For sandboxes that are made ahead of need by this room itself. */
  readonly load: LoadSandbox;
  /** Of an instance's memory, what its agent, zygote and spares use. */
  readonly overheadMb: number;
}

/**
 * Finds or makes the sandbox for each request, keeps it between requests, ends it. One sandbox runs one invocation at a time; one
 * instance holds one account's sandboxes, for good; what is committed on an instance never exceeds what it has.
 *
 * This file is what others see of it, and how its parts are joined; README.md says which part does what.
 */
export class WorkerManager implements AsyncDisposable {
  readonly #options: WorkerManagerOptions;
  readonly #index = new InstanceIndex();
  readonly #pools: FunctionPools;
  readonly #active: ActivePool;
  readonly #idle: IdleKeeper;
  readonly #initialiser: Initialiser;
  readonly #starter: Starter;
  readonly #waiting: WaitingRoom;
  readonly #leases: Leases;
  readonly #ladder: Ladder;
  readonly #endings: Endings;
  readonly #capacityChanges: Disposable;
  readonly #claims: Disposable;
  readonly #scaleIn: ScaleIn;
  readonly #ahead: AheadMaker;
  readonly #replacements: Replacements;
  /** Sandboxes ended to make room. */
  evicted = 0;

  constructor(options: WorkerManagerOptions) {
    this.#options = options;
    const { clock, capacity, processors, ahead } = options;
    const index = this.#index;
    const destroy = (sandbox: Sandbox, reason: string): void => this.destroy(sandbox, reason);
    const evict = (sandbox: Sandbox, reason: string): void => this.#evict(sandbox, reason);
    const line: LineOptions = {
      clock,
      processors,
      ahead,
      hasRoom: (spec) => index.find(spec) !== undefined,
      isAwaited: (pool) => pool.waiting.size > 0 || this.#leases.keepsOthersWaiting(pool),
    };
    this.#pools = new FunctionPools(line, options.keepAlive);
    const makesAhead = {
      ...options,
      place: (spec: FunctionSpec, wish: PlacementWish) => this.#place(spec, wish),
      offer: (sandbox: Sandbox, now: number) => this.offer(sandbox, now),
    };
    this.#ahead = new AheadMaker(makesAhead);
    this.#active = new ActivePool({
      ...options,
      index,
      onIll: (instance, reason) => this.#onIll(instance, reason),
      onReport: (instance, report) => this.#onReport(instance, report),
      onSandboxGone: (sandbox, reason) => this.#endings.lost(sandbox, { reason, exit: null, maxMemoryMb: 0 }),
    });
    this.#idle = new IdleKeeper({
      clock,
      freezeAfterMs: options.freezeAfterMs,
      policy: options.keepAlive,
      onExpired: (sandbox) => this.destroy(sandbox, `idle for as long as it is kept: ${sandbox.keepWhy}`),
      onExpected: (call) => this.#ahead.make(call),
      onBroken: (sandbox, error) => this.#endings.broken(sandbox, error),
      onRoom: () => this.#waiting.retry(),
    });
    this.#initialiser = new Initialiser(clock, options.credentialsFor, options.endpointVariables);
    this.#starter = new Starter({
      clock,
      logs: options.logs,
      onAsked: (sandbox) => this.#initialiser.prepare(sandbox),
      onInitialised: (sandbox) => this.#initialiser.initialised(sandbox),
      onInitFailed: (sandbox, document) => this.#initialiser.failed(sandbox, document),
      onWithdrawn: (sandbox) => sandbox.pool.line.takeBack(sandbox),
      onClosed: destroy,
      onStuck: destroy,
      onUnclaimed: (sandbox) => this.#loadUnclaimed(sandbox),
      onPlaced: ({ instance, spec }) => {
        for (const sha256 of archivesFor(spec)) index.holdsCode(instance, sha256);
      },
    });
    this.#waiting = new WaitingRoom(
      clock,
      options.waitMs,
      new LoadGuard(options.shedAbove, options.waitMs),
      (request) => this.#ladder.attempt(request),
      (request) => this.#ladder.refuse(request),
      () => roomMaker.makeRoom(),
    );
    this.#leases = new Leases({ idle: this.#idle, waiting: this.#waiting, onUnwanted: destroy, onEvicted: evict });
    const roomMaker = new RoomMaker({
      ...options,
      index,
      instances: options.allInstances ?? (() => this.#active.instances),
      waiting: this.#waiting,
      onBooted: async (instance, spec) => {
        if (this.#ladder.closed) await instance[Symbol.asyncDispose]();
        else this.#active.adoptUncommon(instance, spec);
      },
      onEvicted: (sandbox) => this.#evict(sandbox, 'idle, and its memory is needed'),
      onGivenUp: (instance) => this.#active.giveUp(instance, 'idle, and its memory is needed'),
      onHopeless: (request) => this.#ladder.refuse(request),
    });
    this.#ladder = new Ladder({
      ...options,
      index,
      roomMaker,
      leases: this.#leases,
      idle: this.#idle,
      active: this.#active,
      starter: this.#starter,
      waiting: this.#waiting,
      pools: this.#pools,
    });
    this.#endings = new Endings({
      ...options,
      idle: this.#idle,
      active: this.#active,
      onGone: (sandbox, loss) => this.#onGone(sandbox, loss),
    });
    this.#replacements = new Replacements(makesAhead);
    this.#scaleIn = new ScaleIn({
      ...options,
      index,
      replacements: this.#replacements,
      onSurplus: (instance, reason) => this.#active.drain(instance, reason),
    });
    this.#capacityChanges = capacity.onChange(() => this.#waiting.retry());
    this.#claims = capacity.bought.serve(this.#active);
  }

  get instances(): Iterable<ManagedInstance> {
    return this.#active.instances;
  }

  /** What is known of a function version; undefined where it has no sandbox and nobody waits for one. */
  poolOf(spec: FunctionSpec): FunctionPool | undefined {
    return this.#pools.get(spec);
  }

  /** Requests that wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sandboxes made because a call was expected. */
  get madeAhead(): number {
    return this.#ahead.made;
  }

  /** Requests refused for want of room. */
  get throttled(): number {
    return this.#ladder.throttled;
  }

  /** Step 1 of the ladder: an idle sandbox of this function version, now executing; undefined where there is none. */
  takeIdle(spec: FunctionSpec): Sandbox | undefined {
    const pool = this.#pools.get(spec);
    if (pool?.line.pays === true) return undefined;
    return this.#leases.wake(pool);
  }

  /** Sandboxes of an account that execute here, or are on their way to it. */
  leasesOf(account: string): number {
    return this.#pools.useOf(account).leases;
  }

  /** Whether any instance here is this account's. */
  holds(account: string): boolean {
    return this.#index.countOf(account) > 0;
  }

  /**
   * The rest of the ladder, unless the answer is a refusal. Resolves with a sandbox that the caller has alone until it calls `release` or `destroy`:
   * `initialising` if it is new, `executing` if another request has just finished with it.
   *
   * Rejects with an `ApiError`: TooManyRequestsException where there was no room in time, ServiceException where
   * sandboxes or instances can't be made or the runtime can't be had, InvalidParameterValueException where the function can't fit anywhere.
   *
   * @param wish where it is made ahead of need; then it is an idle one only if another request has just finished with it.
   * @param trail is told what was tried, as it happens.
   */
  place(request: CapacityRequest, wish?: PlacementWish, trail?: Trail): Promise<Sandbox> | CapacityRefusal {
    if (request.epoch !== this.#options.epoch) return 'moved';
    if (request.deadlineMs < this.#options.clock.wallTime()) return 'too-late';
    const { accountLeases } = this.#options;
    if (!request.final && this.leasesOf(request.account) >= accountLeases) return 'throttled';
    return this.#place(request.spec, wish, trail);
  }

  #place(spec: FunctionSpec, wish?: PlacementWish, trail?: Trail): Promise<Sandbox> {
    if (this.#ladder.closed) return Promise.reject(stopping());
    const coming = this.#options.runtimeComing(spec.runtime);
    if (coming !== undefined) {
      trail?.missed('runtime', `${spec.runtime} is being fetched`, this.#options.clock.now());
      return coming.then(() => this.#place(spec, wish, trail));
    }
    const { maxMemoryMb } = this.#options.capacity;
    if (spec.memoryMb + this.#options.overheadMb > maxMemoryMb) {
      const message = `The function's MemorySize of ${spec.memoryMb} MB is more than this server can give: ${maxMemoryMb} MB for everything.`;
      return Promise.reject(new ApiError('InvalidParameterValueException', message));
    }
    const pool = this.#pools.of(spec);
    return new Promise((resolve, reject) =>
      this.#ladder.climb(new PlacementRequest(pool, resolve, reject, wish, trail)),
    );
  }

  /**
   * Has a request wait a moment for a busy sandbox of its function, where that is the quicker way.
   *
   * @returns false where it is not: nothing has been done.
   */
  waitForBusy(spec: FunctionSpec, request: PatientRequest, now: number): boolean {
    const pool = this.#pools.get(spec);
    if (pool === undefined || !pool.line.pays) return false;
    pool.line.join(request, now);
    return true;
  }

  /** Has a new sandbox load its function; see {@link Initialiser.initialise}. */
  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome> {
    this.#endings.renewLater(sandbox);
    return this.#initialiser.initialise(sandbox, timeoutMs);
  }

  /** A sandbox that replaces another, for the same invocation, goes on with the log stream of that. */
  continueLog(sandbox: Sandbox, stream: string): void {
    sandbox.log?.close();
    sandbox.logStream = stream;
    // It names the stream.
    sandbox.initMessage = undefined;
    sandbox.log = this.#options.logs.open(sandbox.spec, sandbox.spec.logGroup, stream);
  }

  /** The invocation is over and the sandbox may serve the next, if this is still the lease that it has. `now` by the clock. */
  release(sandbox: Sandbox, lease: number, now: number): void {
    this.#leases.release(sandbox, lease, now);
  }

  /** The invocation is given up, and the sandbox with it, if this is still the lease that it has. `reason` in words. */
  abandon(sandbox: Sandbox, lease: number, reason: string): void {
    if (sandbox.lease !== lease) return;
    sandbox.instance.holding.used(sandbox.spec.memoryMb, this.#options.clock.now() - sandbox.leasedAt);
    this.destroy(sandbox, reason);
  }

  /** A sandbox that is executing and has nothing to do is there for whoever waits, or for later. `now` by the clock. */
  offer(sandbox: Sandbox, now: number): void {
    this.#leases.offer(sandbox, now);
  }

  /** Ends a sandbox, whatever it does. Harmless if it is ending already. `reason` in words. */
  destroy(sandbox: Sandbox, reason: string): void {
    this.#endings.destroy(sandbox, reason);
  }

  /** Nobody keeps this sandbox any more: it ends soon, or when it has done what it executes. `reason` in words. */
  letGo(sandbox: Sandbox, reason: string): void {
    this.#endings.letGo(sandbox, reason);
  }

  /** Brings up to date what is known of a sandbox's memory, unless that was done a moment ago. */
  measure(sandbox: Sandbox, now: number): void {
    if (sandbox.ending) return;
    try {
      this.#idle.measure(sandbox, now);
    } catch (error) {
      this.#endings.broken(sandbox, error as Error);
    }
  }

  /** More may be possible than before: whoever waits tries again. */
  reconsider(): void {
    this.#waiting.retry();
  }

  /** This function version is no more: idle sandboxes of it end soon, the others when they have finished. */
  retire(spec: FunctionSpec): void {
    this.#idle.forget(spec);
    for (const pool of this.#pools.allOf(spec)) {
      this.#endings.drain(pool);
      this.#pools.forgetIfEmpty(pool);
    }
  }

  /** This function version is deleted: what is known of its calls goes as well. */
  forget(spec: FunctionSpec): void {
    this.retire(spec);
    this.#options.keepAlive.forget(versionOf(spec));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#scaleIn[Symbol.dispose]();
    this.#ladder.close();
    this.#pools[Symbol.dispose]();
    await this.#active[Symbol.asyncDispose]();
    for (const owner of [this.#idle, this.#starter, this.#waiting, this.#endings, this.#capacityChanges, this.#claims])
      owner[Symbol.dispose]();
  }

  /** It is loaded all the same: there was need of it a moment ago. */
  #loadUnclaimed(sandbox: Sandbox): void {
    const { clock, load, onLog } = this.#options;
    if (sandbox.pool.retired) return this.destroy(sandbox, 'its function has changed');
    load(sandbox).then(
      () => this.offer(sandbox, clock.now()),
      (error: Error) => onLog('info', `a sandbox that nobody waits for any more could not be loaded: ${error.message}`),
    );
  }

  #evict(sandbox: Sandbox, reason: string): void {
    this.evicted++;
    if (sandbox.state === 'idle') sandbox.pool.keepAlive.evicted(sandbox);
    this.destroy(sandbox, reason);
  }

  /** What it executes may end there; what it alone had loaded is loaded elsewhere (row X22). */
  #onIll(instance: ManagedInstance, reason: string): void {
    const { onLog } = this.#options;
    const specs = onlyOn(instance);
    onLog('warn', `instance ${instance.id} is replaced, it is not well: ${reason}`);
    this.#active.drain(instance, 'it is not well');
    this.#replacements
      .makeFor(specs)
      .catch((error: Error) =>
        onLog('warn', `instance ${instance.id} is not replaced ahead of need: ${error.message}`),
      );
  }

  #onReport(instance: ManagedInstance, report: AgentReport): void {
    if (report.type === 'usage') {
      const now = this.#options.clock.now();
      for (const { sandbox: id, usedBytes, maxBytes } of report.sandboxes) {
        const sandbox = instance.sandboxes.get(id);
        if (sandbox !== undefined) this.#idle.measured(sandbox, usedBytes, maxBytes, now);
      }
      return;
    }
    const sandbox = instance.sandboxes.get(report.sandbox);
    // Spares die too, and nobody here knows them.
    if (sandbox === undefined) return;
    if (report.type === 'placed') this.#starter.placed(sandbox, report);
    else this.#endings.lost(sandbox, report);
  }

  #onGone(sandbox: Sandbox, loss: SandboxLoss): void {
    const { instance, pool } = sandbox;
    const request = this.#starter.abandon(sandbox);
    if (request !== undefined && !request.served) this.#ladder.failed(request, loss);
    this.#pools.forgetIfEmpty(pool);
    if (instance.sandboxes.size === 0) this.#active.emptied(instance);
    this.#waiting.retry();
  }
}
