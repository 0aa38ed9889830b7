import { ApiError, archivesFor, signalOfEnd } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { WarmingPool } from '../capacity/warming-pool.ts';
import type { Clock } from '../instances/clock.ts';
import type { AgentReport } from '../instances/provider.ts';
import { ActivePool } from './active-pool.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { Drain } from './drain.ts';
import { FunctionPool } from './function-pool.ts';
import { IdleKeeper } from './idle-keeper.ts';
import { Initialiser } from './initialiser.ts';
import type { InitOutcome } from './initialiser.ts';
import { Ladder } from './ladder.ts';
import type { LineOptions, PatientRequest } from './line.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { PlacementRequest } from './placement-request.ts';
import type { CredentialsFor, LogSink, RuntimeComing, ServerLog } from './ports.ts';
import { Renewal } from './renewal.ts';
import { RoomMaker } from './room-maker.ts';
import type { Sandbox, SandboxLoss } from './sandbox.ts';
import { Starter } from './starter.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface PlacementOptions {
  readonly clock: Clock;
  readonly capacity: WarmingPool;
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
  readonly sandboxKeepAliveMs: number;
  /** How long an empty instance is kept: longer than a sandbox, since a new one costs more. */
  readonly instanceKeepAliveMs: number;
  /** Of the machine; more sandboxes than these can't run at once. */
  readonly processors: number;
  /** See {@link LineOptions}. */
  readonly ahead: number;
  /** How long a request waits for room. */
  readonly waitMs: number;
  /** Of an instance's memory, what its agent, zygote and spares use. */
  readonly overheadMb: number;
}

/** Idle sandboxes tried when the instance of the first has no room for it to wake. */
const WAKE_PROBES = 4;
/** Sandboxes asked for in vain before a request fails. */
const MAX_FAILURES = 3;
/** A killed sandbox is gone in milliseconds. An agent that takes this long is stuck, and its instance with it. */
const END_TIMEOUT_MS = 15_000;
/** A request that has waited for so long comes before those of a function that keeps its sandboxes busy. */
const STARVED_MS = 1_000;
const RENEWED = 'its credentials are past half of their life, and a new one has new ones';

/**
 * The worker manager: finds or makes the sandbox for each request, keeps it between requests, ends it. One sandbox runs
 * one invocation at a time; one instance holds one account's sandboxes, for good; what is committed on an instance never
 * exceeds what it has.
 */
export class Placement implements AsyncDisposable {
  readonly #options: PlacementOptions;
  readonly #pools = new Map<string, FunctionPool>();
  readonly #ladder = new Ladder();
  readonly #active: ActivePool;
  readonly #idle: IdleKeeper;
  readonly #initialiser: Initialiser;
  readonly #starter: Starter;
  readonly #waiting: WaitingRoom;
  readonly #renewal: Renewal;
  readonly #drain: Drain;
  readonly #endings: DeadlineQueue;
  readonly #roomMaker: RoomMaker;
  readonly #lineOptions: LineOptions;
  #closed = false;
  /** Requests refused for want of room, and sandboxes ended to make some. */
  throttled = 0;
  evicted = 0;

  constructor(options: PlacementOptions) {
    this.#options = options;
    const { clock, capacity } = options;
    const { processors } = options;
    this.#lineOptions = {
      clock,
      processors,
      ahead: options.ahead,
      hasRoom: (spec) => this.#ladder.find(spec) !== undefined,
      isAwaited: (pool) => pool.waiting.size > 0 || this.#keepsOthersWaiting(pool),
    };
    this.#active = new ActivePool({
      ...options,
      ladder: this.#ladder,
      onReport: (instance, report) => this.#onReport(instance, report),
      onSandboxGone: (sandbox, reason) => this.#onLost(sandbox, { reason, exit: null, maxMemoryMb: 0 }),
    });
    this.#idle = new IdleKeeper({
      clock,
      freezeAfterMs: options.freezeAfterMs,
      keepAliveMs: options.sandboxKeepAliveMs,
      onExpired: (sandbox) => this.destroy(sandbox, 'idle for longer than its keep-alive'),
      onBroken: (sandbox, error) => this.#onBroken(sandbox, error),
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
      onClosed: (sandbox, reason) => this.destroy(sandbox, reason),
      onStuck: (sandbox, reason) => this.destroy(sandbox, reason),
      onPlaced: ({ instance, spec }) => {
        for (const sha256 of archivesFor(spec)) this.#ladder.holdsCode(instance, sha256);
      },
    });
    this.#waiting = new WaitingRoom(
      clock,
      options.waitMs,
      (request) => this.#attempt(request),
      (request) => this.#refuse(request),
      () => this.#roomMaker.makeRoom(),
    );
    this.#roomMaker = new RoomMaker({
      ...options,
      ladder: this.#ladder,
      instances: this.#active.instances,
      waiting: this.#waiting,
      onBooted: async (instance, account) => {
        if (this.#closed) await instance[Symbol.asyncDispose]();
        else this.#active.adoptUncommon(instance, account);
      },
      onEvicted: (sandbox) => this.#evict(sandbox, 'idle, and its memory is needed'),
      onGivenUp: (instance) => this.#active.giveUp(instance, 'idle, and its memory is needed'),
      onHopeless: (request) => this.#refuse(request),
    });
    this.#renewal = new Renewal(clock, options.renewAfterMs, (sandbox) => this.#onOutdated(sandbox));
    this.#drain = new Drain(clock, (sandbox) => this.destroy(sandbox, 'its function has changed'));
    this.#endings = new DeadlineQueue(clock, END_TIMEOUT_MS, (due) => {
      const sandbox = due as Sandbox;
      this.#active.giveUp(sandbox.instance, `sandbox ${sandbox.id} could not be ended`);
    });
    capacity.onChange = () => {
      this.#waiting.retry();
    };
  }

  get instances(): Iterable<ManagedInstance> {
    return this.#active.instances;
  }

  /** What is known of a function version; undefined where it has no sandbox and nobody waits for one. */
  poolOf({ key }: FunctionSpec): FunctionPool | undefined {
    return this.#pools.get(key);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Step 1 of the ladder: an idle sandbox of this function version, now executing; undefined where there is none. */
  takeIdle(spec: FunctionSpec): Sandbox | undefined {
    const pool = this.#pools.get(spec.key);
    if (pool?.line.pays === true) return undefined;
    return this.#wake(pool);
  }

  #wake(pool: FunctionPool | undefined): Sandbox | undefined {
    let sandbox = pool?.top;
    for (let probe = 0; sandbox !== undefined && probe < WAKE_PROBES; probe++) {
      const next: Sandbox | undefined = sandbox.below;
      if (this.#idle.wake(sandbox)) {
        pool!.take(sandbox);
        sandbox.become('executing');
        return sandbox;
      }
      sandbox = next;
    }
    return undefined;
  }

  /**
   * The rest of the ladder. Resolves with a sandbox that the caller has alone until it calls `release` or `destroy`:
   * `initialising` if it is new, `executing` if another request has just finished with it.
   *
   * Rejects with an `ApiError`: TooManyRequestsException where there was no room in time, ServiceException where
   * sandboxes or instances can't be made or the runtime can't be had, InvalidParameterValueException where the function can't fit anywhere.
   *
   * @param beside where a new sandbox is wanted, made ahead of need: the instance to have it, if there is room.
   */
  place(spec: FunctionSpec, beside?: ManagedInstance): Promise<Sandbox> {
    if (this.#closed) return Promise.reject(stopping());
    const coming = this.#options.runtimeComing(spec.runtime);
    if (coming !== undefined) return coming.then(() => this.place(spec, beside));
    const { maxMemoryMb } = this.#options.capacity;
    if (spec.memoryMb + this.#options.overheadMb > maxMemoryMb) {
      const message = `The function's MemorySize of ${spec.memoryMb} MB is more than this server can give: ${maxMemoryMb} MB for everything.`;
      return Promise.reject(new ApiError('InvalidParameterValueException', message));
    }
    let pool = this.#pools.get(spec.key);
    if (pool === undefined) {
      pool = new FunctionPool(spec, this.#lineOptions);
      this.#pools.set(spec.key, pool);
    }
    const owner = pool;
    return new Promise((resolve, reject) => this.#serve(new PlacementRequest(owner, resolve, reject, beside)));
  }

  /**
   * Has a request wait a moment for a busy sandbox of its function, where that is the quicker way.
   *
   * @returns false where it is not: nothing has been done.
   */
  waitForBusy(spec: FunctionSpec, request: PatientRequest, now: number): boolean {
    const pool = this.#pools.get(spec.key);
    if (pool === undefined || !pool.line.pays) return false;
    pool.line.join(request, now);
    return true;
  }

  /** Has a new sandbox load its function; see {@link Initialiser.initialise}. */
  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome> {
    this.#renewal.add(sandbox);
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

  /** The invocation is over and the sandbox may serve the next. `now` by the clock. */
  release(sandbox: Sandbox, now: number): void {
    sandbox.holder = undefined;
    if (sandbox.state !== 'executing') return;
    sandbox.lastUsedAt = now;
    sandbox.instance.lastUsedAt = now;
    const { pool } = sandbox;
    // The first in a sandbox compiles what the others find compiled: it says little of them.
    if (sandbox.hasServed) pool.observe(now - sandbox.leasedAt, now, sandbox.computed);
    sandbox.computed = false;
    sandbox.hasServed = true;
    pool.ended++;
    // It has begun with what was sent ahead: that ends here, whatever is to become of the sandbox.
    const begun = sandbox.ahead.shift();
    if (begun !== undefined) return this.#goOnWith(begun, sandbox, now);
    this.offer(sandbox, now);
  }

  /** A sandbox that is executing and has nothing to do is there for whoever waits, or for later. `now` by the clock. */
  offer(sandbox: Sandbox, now: number): void {
    if (sandbox.state !== 'executing') return;
    const { pool } = sandbox;
    if (sandbox.outdated) return this.destroy(sandbox, RENEWED);
    if (this.#keepsOthersWaiting(pool)) {
      return this.#evict(sandbox, 'a request of another function has waited for too long');
    }
    const request = pool.waiting.values().next().value;
    if (request !== undefined) {
      this.#waiting.leave(request);
      return request.resolve(sandbox);
    }
    const next = pool.line.next();
    if (next !== undefined) return this.#goOnWith(next, sandbox, now);
    if (pool.retired) return this.destroy(sandbox, 'its function has changed');
    sandbox.become('idle');
    pool.push(sandbox);
    this.#idle.rest(sandbox, now);
  }

  /** Ends a sandbox, whatever it does. Harmless if it is ending already. `reason` in words. */
  destroy(sandbox: Sandbox, reason: string): void {
    if (sandbox.ending) return;
    if (sandbox.state === 'idle') sandbox.pool.take(sandbox);
    const executed = sandbox.state === 'executing';
    sandbox.queue?.remove(sandbox);
    sandbox.become('shutting-down');
    this.#idle.thaw(sandbox);
    sandbox.instance.releasingMb += sandbox.committedMb;
    this.#endings.add(sandbox, this.#options.clock.now());
    sandbox.stream?.close(reason);
    sandbox.instance.instance.send({ type: 'destroy', sandbox: sandbox.id, reason });
    if (executed) sandbox.pool.line.lose(sandbox);
  }

  /** Brings up to date what is known of a sandbox's memory, unless that was done a moment ago. */
  measure(sandbox: Sandbox, now: number): void {
    if (sandbox.ending) return;
    try {
      this.#idle.measure(sandbox, now);
    } catch (error) {
      this.#onBroken(sandbox, error as Error);
    }
  }

  /** This function version is no more: idle sandboxes of it end soon, the others when they have finished. */
  retire({ key }: FunctionSpec): void {
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    pool.retired = true;
    this.#drain.add(pool);
    this.#forgetIfEmpty(pool);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { line } of this.#pools.values()) line[Symbol.dispose]();
    for (const request of this.#waiting.requests) {
      this.#waiting.leave(request);
      request.reject(stopping());
    }
    await this.#active[Symbol.asyncDispose]();
    for (const owner of [this.#idle, this.#renewal, this.#drain, this.#starter, this.#waiting, this.#endings]) {
      owner[Symbol.dispose]();
    }
  }

  #onOutdated(sandbox: Sandbox): void {
    if (sandbox.state === 'idle') return this.destroy(sandbox, RENEWED);
    sandbox.outdated = true;
  }

  #goOnWith(request: PatientRequest, sandbox: Sandbox, now: number): void {
    request.given(sandbox, now);
    sandbox.pool.line.fill(sandbox);
  }

  /** Whether a request of another function has waited for so long that this one has to make room for it. */
  #keepsOthersWaiting(pool: FunctionPool): boolean {
    if (this.#waiting.size === 0) return false;
    const starved = this.#waiting.overdue(STARVED_MS);
    return starved !== undefined && starved.pool !== pool && starved.spec.account === pool.spec.account;
  }

  #serve(request: PlacementRequest): void {
    if (this.#closed) return request.reject(stopping());
    if (this.#attempt(request)) return;
    this.#waiting.enter(request);
    this.#roomMaker.makeRoom();
  }

  #attempt(request: PlacementRequest): boolean {
    const idle = request.beside === undefined ? this.#wake(request.pool) : undefined;
    if (idle !== undefined) {
      request.resolve(idle);
      return true;
    }
    const rung = this.#ladder.find(request.spec, request.beside) ?? this.#active.fromWarmingPool(request.spec);
    if (rung === undefined) return false;
    this.#starter.start(request, rung);
    return true;
  }

  #evict(sandbox: Sandbox, reason: string): void {
    this.evicted++;
    this.destroy(sandbox, reason);
  }

  #refuse(request: PlacementRequest): void {
    this.throttled++;
    this.#forgetIfEmpty(request.pool);
    const { lastError } = this.#options.capacity;
    if (lastError !== undefined) {
      request.reject(
        new ApiError('ServiceException', `No instance can be made: ${lastError.message}`, { cause: lastError }),
      );
      return;
    }
    const message = `Rate Exceeded. No room for ${request.spec.memoryMb} MB became free in ${this.#options.waitMs / 1000} s.`;
    const reason = 'ConcurrentInvocationLimitExceeded';
    request.reject(new ApiError('TooManyRequestsException', message, { reason, retryAfterSeconds: 1 }));
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
    else this.#onLost(sandbox, report);
  }

  #onLost(sandbox: Sandbox, loss: SandboxLoss): void {
    const { instance, pool } = sandbox;
    if (!sandbox.ending) this.destroy(sandbox, loss.reason);
    sandbox.queue?.remove(sandbox);
    this.#renewal.remove(sandbox);
    sandbox.become('dead');
    instance.releasingMb -= sandbox.committedMb;
    instance.remove(sandbox);
    instance.connections.delete(sandbox.connection);
    pool.sandboxes.delete(sandbox);
    const { holder } = sandbox;
    sandbox.holder = undefined;
    holder?.onLost(withSignal(loss, sandbox.announced));
    sandbox.log?.close();
    const request = this.#starter.abandon(sandbox);
    if (request !== undefined) this.#onFailed(request, loss);
    this.#forgetIfEmpty(pool);
    if (instance.sandboxes.size === 0) this.#active.emptied(instance);
    this.#waiting.retry();
  }

  #onFailed(request: PlacementRequest, { reason, brokenPackage }: SandboxLoss): void {
    if (brokenPackage === true) {
      const message = `Lambda could not unzip the deployment package: ${reason}`;
      return request.reject(new ApiError('InvalidZipFileException', message));
    }
    request.failures++;
    this.#options.onLog('warn', `a sandbox for ${request.spec.functionArn} could not be made: ${reason}`);
    if (request.failures < MAX_FAILURES) return this.#serve(request);
    request.reject(new ApiError('ServiceException', `The function could not be started: ${reason}`));
  }

  #onBroken(sandbox: Sandbox, error: Error): void {
    if (sandbox.ending) return;
    this.#options.onLog('warn', `sandbox ${sandbox.id} can't be frozen or measured: ${error.message}`);
    this.destroy(sandbox, 'its slot is broken');
  }

  #forgetIfEmpty(pool: FunctionPool): void {
    if (pool.empty && this.#pools.get(pool.spec.key) === pool) this.#pools.delete(pool.spec.key);
  }
}

/** A process 1 that ended itself by a signal has a status in its place. */
function withSignal(loss: SandboxLoss, announced: string | undefined): SandboxLoss {
  const signal = loss.exit?.code == null ? undefined : signalOfEnd(announced, loss.exit.code);
  if (signal === undefined || loss.exit === null) return loss;
  return { ...loss, exit: { ...loss.exit, code: null, signal } };
}

function stopping(): ApiError {
  return new ApiError('ServiceUnavailableException', 'The server is stopping.');
}
