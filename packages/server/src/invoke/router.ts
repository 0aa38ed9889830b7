import { ApiError } from '@hearth/protocol';
import type { FunctionSpec, ThrottleReason } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { InitOutcome } from '../placement/initialiser.ts';
import { DeadlineQueue } from '../placement/deadline-queue.ts';
import type { PatientRequest } from '../placement/line.ts';
import type { Asker } from '../placement/managers.ts';
import type { Sandbox } from '../placement/sandbox.ts';
import { BusyPoll } from './busy-poll.ts';
import { Concurrency } from './concurrency.ts';
import type { FunctionIdentity } from './concurrency.ts';
import { Execution } from './execution.ts';
import type { ExecutionHost } from './execution.ts';
import { errorTypeOf, runtimeFailure } from './exit-error.ts';
import type { Histories } from './history/histories.ts';
import type { Invocation, InvocationOutcome } from './invocation.ts';
import type { RecordSink } from './ports.ts';

/** What the router needs of placement. */
export interface SandboxSource {
  takeIdle(spec: FunctionSpec): Sandbox | undefined;
  waitForBusy(spec: FunctionSpec, request: PatientRequest, now: number): boolean;
  place(spec: FunctionSpec, wish: undefined, asker: Asker): Promise<Sandbox>;
  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome>;
  continueLog(sandbox: Sandbox, stream: string): void;
  measure(sandbox: Sandbox, now: number): void;
  release(sandbox: Sandbox, lease: number, now: number): void;
  abandon(sandbox: Sandbox, lease: number, reason: string): void;
  destroy(sandbox: Sandbox, reason: string): void;
}

export interface RouterOptions {
  readonly clock: Clock;
  readonly placement: SandboxSource;
  readonly records: RecordSink;
  readonly histories: Histories;
  /** Invocations of an account in one region at once, which may change; AWS's default is 1,000. */
  readonly accountConcurrency: (account: string) => number;
  /** Of the machine. */
  readonly processors: number;
  /** See {@link BusyPoll}. */
  readonly pollMs: number;
}

/** AWS's limit for init (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib). */
export const INIT_TIMEOUT_MS = 10_000;
/** A sandbox can die between being given and being used; that again and again means something else is wrong. */
const PLACE_ATTEMPTS = 3;

/**
 * Runs invocations. The warm path is one pass down this file: an idle sandbox is popped, one frame is written, and the
 * answering frame resolves the promise; no timer, no closure but the promise's own, and nothing that grows with the
 * number of functions.
 */
export class Router implements ExecutionHost, Disposable {
  readonly clock: Clock;
  readonly #placement: SandboxSource;
  readonly #records: RecordSink;
  readonly #histories: Histories;
  readonly #concurrency: Concurrency;
  /** One queue for each time-out that functions have: at most 900, since AWS counts it in seconds. */
  readonly #timeouts = new Map<number, DeadlineQueue>();
  /** Function versions whose last init failed. */
  readonly #brokenInits = new WeakSet<FunctionSpec>();
  readonly #processors: number;
  readonly #poll: BusyPoll;
  #inFlight = 0;
  #received = 0;
  #drained: (() => void) | undefined;
  #refusing = false;

  constructor(options: RouterOptions) {
    this.clock = options.clock;
    this.#placement = options.placement;
    this.#records = options.records;
    this.#histories = options.histories;
    this.#processors = options.processors;
    this.#poll = new BusyPoll(options.clock, options.pollMs);
    this.#concurrency = new Concurrency(options.accountConcurrency);
  }

  /** Invocations under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Invocations that were accepted, since the start. */
  get received(): number {
    return this.#received;
  }

  /**
   * Runs a function. Its own failure, time-out or death is an outcome; rejects with an `ApiError` where it could not be
   * run at all: TooManyRequestsException, ServiceException, ServiceUnavailableException, InvalidParameterValueException.
   */
  invoke(invocation: Invocation): Promise<InvocationOutcome> {
    const { spec, requestId, reason } = invocation;
    if (this.#refusing) return Promise.reject(new ApiError('ServiceUnavailableException', 'The server is stopping.'));
    const use = this.#concurrency.of(spec);
    const reached = this.#concurrency.enter(use);
    if (reached !== undefined) {
      this.#records.refused(requestId, spec, reason, this.clock.wallTime(), this.#concurrency.explain(use, reached));
      return Promise.reject(tooMany(reached));
    }
    this.#inFlight++;
    this.#received++;
    const now = this.clock.now();
    const record = this.#records.begin(requestId, spec, reason, this.clock.wallTime());
    if (invocation.deferral !== undefined) record.deferral = invocation.deferral;
    return new Promise((resolve, reject) => {
      const execution = new Execution(this, invocation, use, record, now, resolve);
      const sandbox = this.#placement.takeIdle(spec);
      if (sandbox === undefined) {
        execution.reject = reject;
        if (!this.#placement.waitForBusy(spec, execution, now)) this.goOn(execution);
        return;
      }
      execution.placed(sandbox, 'warm', now);
      execution.run(undefined, now);
      if (this.#inFlight < this.#processors) this.#poll.expect(now);
    });
  }

  /** A function's reserved concurrency from now on; undefined where it has none. */
  reserve(spec: FunctionIdentity, count: number | undefined): void {
    this.#concurrency.reserve(spec, count);
  }

  /** So much is provisioned of a published version from now on. */
  provision(spec: FunctionSpec, count: number): void {
    this.#concurrency.provision(spec, count);
  }

  /** The function is deleted. */
  forget(spec: FunctionIdentity): void {
    this.#concurrency.forget(spec);
  }

  /** Takes no more invocations; resolves when those under way have ended, or after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    this.#refusing = true;
    if (this.#inFlight === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.setTimer(limitMs, resolve);
    this.#drained = resolve;
    await promise;
    timer.cancel();
  }

  [Symbol.dispose](): void {
    for (const queue of this.#timeouts.values()) queue[Symbol.dispose]();
  }

  arm(execution: Execution, timeoutMs: number, now: number): void {
    let queue = this.#timeouts.get(timeoutMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.clock, timeoutMs, (due) => (due as Execution).onDeadline());
      this.#timeouts.set(timeoutMs, queue);
    }
    queue.add(execution, now);
  }

  measure(sandbox: Sandbox, now: number): void {
    this.#placement.measure(sandbox, now);
  }

  release(sandbox: Sandbox, lease: number, now: number): void {
    this.#placement.release(sandbox, lease, now);
  }

  abandon(sandbox: Sandbox, lease: number, reason: string): void {
    this.#placement.abandon(sandbox, lease, reason);
  }

  ended(execution: Execution, outcome: InvocationOutcome, now: number): void {
    this.#leave(execution);
    const milliseconds = now - execution.receivedAt;
    this.#records.end(execution.record, milliseconds);
    this.#histories.of(execution.invocation.spec).ended(milliseconds, execution.sizedOutcome, execution.usedMb);
    execution.invocation.report?.(outcome.functionError !== undefined);
    execution.resolve(outcome);
    if (this.#inFlight < this.#processors) this.#poll.expect(now);
  }

  goOn(execution: Execution): void {
    this.#runCold(execution).catch((error: Error) => this.#refuse(execution, error));
  }

  again(execution: Execution): void {
    this.#runCold(execution).catch(() =>
      execution.died({ reason: 'no other sandbox could be had', exit: null, maxMemoryMb: 0 }),
    );
  }

  /** The cold path: a new sandbox, or one that another invocation has just left. */
  async #runCold(execution: Execution): Promise<void> {
    const { spec } = execution.invocation;
    execution.seeks();
    const sandbox = await this.#place(execution);
    if (sandbox.state === 'executing') return execution.run(undefined, this.clock.now());
    // The environment is known to be broken: as on AWS it is initialised once, inside the invocation.
    if (this.#brokenInits.has(spec)) return this.#initInside(execution, sandbox);
    // First of all sent: the rest is done while the sandbox is at work.
    const initialising = this.#placement.initialise(sandbox, INIT_TIMEOUT_MS);
    execution.initStarted('init');
    const outcome = await initialising;
    this.#endInit(execution, sandbox, 'init', outcome);
    if (outcome.kind === 'initialised') return this.#afterInit(execution, outcome.durationMs);
    const { logStream } = sandbox;
    const again = await this.#place(execution);
    if (again.state === 'executing') return execution.run(undefined, this.clock.now());
    if (logStream !== '') this.#placement.continueLog(again, logStream);
    await this.#initInside(execution, again);
  }

  /** AWS's rule: an init that fails or takes too long is done once more, inside the invocation and on its time. */
  async #initInside(execution: Execution, sandbox: Sandbox): Promise<void> {
    execution.initStarted('invoke');
    // The invocation's own deadline comes first, and ends the sandbox.
    const outcome = await this.#placement.initialise(sandbox, execution.invocation.spec.timeoutMs + INIT_TIMEOUT_MS);
    if (execution.queue === undefined) return;
    this.#endInit(execution, sandbox, 'invoke', outcome);
    if (outcome.kind === 'initialised') this.#afterInit(execution, undefined);
    else if (outcome.kind === 'lost') execution.died(outcome.loss);
    else if (outcome.kind === 'failed') execution.initFailed(outcome.document);
  }

  /** Says how an init ended, ends the sandbox of one that is no success, and bears in mind for whom that is usual. */
  #endInit(execution: Execution, sandbox: Sandbox, phase: 'init' | 'invoke', outcome: InitOutcome): void {
    const { spec } = execution.invocation;
    switch (outcome.kind) {
      case 'initialised':
        this.#brokenInits.delete(spec);
        return execution.initEnded(phase, 'success');
      case 'failed':
        this.#brokenInits.add(spec);
        execution.initEnded(phase, 'error', errorTypeOf(outcome.document));
        return this.#placement.destroy(sandbox, 'its init failed');
      case 'timed-out':
        this.#brokenInits.delete(spec);
        execution.initEnded(phase, 'timeout');
        return this.#placement.destroy(sandbox, `its init took longer than ${INIT_TIMEOUT_MS / 1000} s`);
      case 'lost':
        // Where nobody saw it end, its instance was lost, and not by its own doing.
        if (outcome.loss.exit === null) return;
        this.#brokenInits.add(spec);
        return execution.initEnded(phase, 'error', runtimeFailure(outcome.loss).errorType);
    }
  }

  #afterInit(execution: Execution, initMs: number | undefined): void {
    const now = this.clock.now();
    execution.record.initialisedUs = Math.round((now - execution.receivedAt) * 1000);
    execution.run(initMs, now);
  }

  async #place(execution: Execution): Promise<Sandbox> {
    const { spec, requestId } = execution.invocation;
    for (let attempt = 0; attempt < PLACE_ATTEMPTS; attempt++) {
      const sandbox = await this.#placement.place(spec, undefined, { requestId, trail: execution.trail! });
      // It may have died in the turn between being given and being received.
      if (sandbox.ending) {
        execution.trail!.missed('again', 'the sandbox died before it could be used', this.clock.now());
        continue;
      }
      execution.placed(sandbox, sandbox.state === 'executing' ? 'warm' : sandbox.startPath, this.clock.now());
      return sandbox;
    }
    throw new ApiError('ServiceException', `The function's sandboxes died ${PLACE_ATTEMPTS} times before they began.`);
  }

  #refuse(execution: Execution, error: Error): void {
    execution.queue?.remove(execution);
    this.#leave(execution);
    const throttled = error instanceof ApiError && error.code === 'TooManyRequestsException';
    execution.record.status = throttled ? 'throttled' : 'failed';
    execution.record.error = error.message;
    this.#records.end(execution.record, this.clock.now() - execution.receivedAt);
    execution.reject!(error);
  }

  #leave(execution: Execution): void {
    this.#concurrency.leave(execution.use);
    if (--this.#inFlight === 0) this.#drained?.();
  }
}

function tooMany(reason: ThrottleReason): ApiError {
  return new ApiError('TooManyRequestsException', 'Rate Exceeded.', { reason, retryAfterSeconds: 1 });
}
