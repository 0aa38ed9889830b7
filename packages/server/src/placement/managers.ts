import { ApiError } from '@hearth/protocol';
import type { CapacityRefusal, CapacityRequest, FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { FunctionPool } from './function-pool.ts';
import type { InitOutcome } from './initialiser.ts';
import type { PatientRequest } from './line.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { Partition } from './partition.ts';
import type { PlacementWish } from './placement-request.ts';
import type { Sandbox } from './sandbox.ts';
import type { Trail } from './trail.ts';
import type { WorkerManager } from './worker-manager.ts';

/** A function with reserved concurrency of whose sandboxes a smaller share is busy gets one of these rather than another manager's (row N2). */
const SPILL_ABOVE = 0.8;

/** What a manager says where it has no room for a request. */
const WITHOUT_ROOM: ReadonlySet<string> = new Set(['TooManyRequestsException', 'ServiceException']);

/** The invocation that needs a sandbox. */
export interface Asker {
  readonly requestId: string;
  /** Is told what was tried, as it happens. */
  readonly trail: Trail;
}

export interface ManagersOptions {
  readonly clock: Clock;
  readonly managers: readonly WorkerManager[];
  /** Of the ring on which they have their accounts. */
  readonly epoch: number;
  /** See {@link WorkerManager}'s options. */
  readonly accountLeases: number;
  /** Invocations of an account at once. */
  readonly accountConcurrency: (account: string) => number;
  /** How long a request waits for room. */
  readonly waitMs: number;
}

/** The worker managers, seen from the frontend: each request goes to one that serves its account (partition.ts). */
export class Managers implements AsyncDisposable {
  readonly #options: ManagersOptions;
  readonly #managers: readonly WorkerManager[];
  /** The only one, where there are not several. */
  readonly #only: WorkerManager | undefined;
  readonly #partition: Partition;

  constructor(options: ManagersOptions) {
    this.#options = options;
    const { managers } = options;
    this.#managers = managers;
    this.#only = managers.length === 1 ? managers[0] : undefined;
    this.#partition = new Partition({
      ...options,
      managers: managers.length,
      leasesOf: (manager, account) => managers[manager]!.leasesOf(account),
    });
  }

  get instances(): ManagedInstance[] {
    return this.#managers.flatMap(({ instances }) => [...instances]);
  }

  get waiting(): number {
    return this.#sum(({ waiting }) => waiting);
  }

  get throttled(): number {
    return this.#sum(({ throttled }) => throttled);
  }

  get evicted(): number {
    return this.#sum(({ evicted }) => evicted);
  }

  get madeAhead(): number {
    return this.#sum(({ madeAhead }) => madeAhead);
  }

  /** How many managers serve this function at present. */
  widthOf(spec: FunctionSpec): number {
    return this.#partition.of(spec).size;
  }

  /** What the managers know of a function version. */
  poolsOf(spec: FunctionSpec): FunctionPool[] {
    return this.#managers.flatMap((manager) => manager.poolOf(spec) ?? []);
  }

  /** See {@link WorkerManager.takeIdle}. */
  takeIdle(spec: FunctionSpec): Sandbox | undefined {
    if (this.#only !== undefined) return this.#only.takeIdle(spec);
    for (const member of this.#partition.of(spec).members) {
      const sandbox = this.#managers[member]!.takeIdle(spec);
      if (sandbox !== undefined) return sandbox;
    }
    return undefined;
  }

  /** See {@link WorkerManager.waitForBusy}. */
  waitForBusy(spec: FunctionSpec, request: PatientRequest, now: number): boolean {
    if (this.#only !== undefined) return this.#only.waitForBusy(spec, request, now);
    return this.#partition.of(spec).members.some((member) => this.#managers[member]!.waitForBusy(spec, request, now));
  }

  /**
   * Has one of the account's managers find or make a sandbox; see {@link WorkerManager.place}.
   *
   * @param asker absent where it is made ahead.
   */
  place(spec: FunctionSpec, wish?: PlacementWish, asker?: Asker): Promise<Sandbox> {
    const request = this.#request(spec, asker);
    const { beside } = wish ?? {};
    // Where a sandbox is to be beside another, that one's manager has it.
    const certain = beside === undefined ? this.#only : this.#managers[beside.manager]!;
    if (certain !== undefined) return orRefused(certain.place({ ...request, final: true }, wish, asker?.trail));
    const { manager, answer } = this.#ask(request, wish, asker);
    return answer.catch((error: Error) => this.#elsewhere(error, manager, request, wish, asker));
  }

  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome> {
    return this.#of(sandbox).initialise(sandbox, timeoutMs);
  }

  continueLog(sandbox: Sandbox, stream: string): void {
    this.#of(sandbox).continueLog(sandbox, stream);
  }

  measure(sandbox: Sandbox, now: number): void {
    this.#of(sandbox).measure(sandbox, now);
  }

  release(sandbox: Sandbox, lease: number, now: number): void {
    this.#of(sandbox).release(sandbox, lease, now);
  }

  abandon(sandbox: Sandbox, lease: number, reason: string): void {
    this.#of(sandbox).abandon(sandbox, lease, reason);
  }

  offer(sandbox: Sandbox, now: number): void {
    this.#of(sandbox).offer(sandbox, now);
  }

  destroy(sandbox: Sandbox, reason: string): void {
    this.#of(sandbox).destroy(sandbox, reason);
  }

  letGo(sandbox: Sandbox, reason: string): void {
    this.#of(sandbox).letGo(sandbox, reason);
  }

  /** See {@link WorkerManager.reconsider}. */
  reconsider(): void {
    for (const manager of this.#managers) manager.reconsider();
  }

  retire(spec: FunctionSpec): void {
    for (const manager of this.#managers) manager.retire(spec);
  }

  /** See {@link WorkerManager.forget}. */
  forget(spec: FunctionSpec): void {
    for (const manager of this.#managers) manager.forget(spec);
  }

  /** See {@link Partition.reserve}. */
  reserve(spec: Pick<FunctionSpec, 'functionArn'>, reserved: boolean): void {
    this.#partition.reserve(spec, reserved);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#partition[Symbol.dispose]();
    await Promise.all(this.#managers.map((manager) => manager[Symbol.asyncDispose]()));
  }

  #of(sandbox: Sandbox): WorkerManager {
    return this.#only ?? this.#managers[sandbox.instance.manager]!;
  }

  /** The first of the account's managers that takes the request has it. Where all have had enough that is the one that runs the least for it. */
  #ask(
    request: CapacityRequest,
    wish: PlacementWish | undefined,
    asker: Asker | undefined,
  ): { manager: WorkerManager; answer: Promise<Sandbox> } {
    const { spec, account } = request;
    const set = this.#partition.of(spec);
    let asked = 0;
    do {
      for (; asked < set.size; asked++) {
        const manager = this.#managers[set.members[asked]!]!;
        const answer = manager.place(request, wish, asker?.trail);
        if (answer !== 'throttled') return { manager, answer: orRefused(answer) };
      }
    } while (!this.#staysReserved(spec) && this.#partition.widen(set));
    const managers = set.members.map((member) => this.#managers[member]!);
    const manager = managers.toSorted((a, b) => a.leasesOf(account) - b.leasesOf(account))[0]!;
    return { manager, answer: orRefused(manager.place({ ...request, final: true }, wish, asker?.trail)) };
  }

  /** One manager had no room, nor could any be made. Others that have instances of the account may have some, as long as there is time. */
  async #elsewhere(
    error: Error,
    refused: WorkerManager,
    request: CapacityRequest,
    wish: PlacementWish | undefined,
    asker: Asker | undefined,
  ): Promise<Sandbox> {
    if (!(error instanceof ApiError && WITHOUT_ROOM.has(error.code))) throw error;
    for (const manager of this.#managers) {
      if (manager === refused || !manager.holds(request.account)) continue;
      try {
        const answer = manager.place({ ...request, final: true }, wish, asker?.trail);
        if (typeof answer !== 'string') return await answer;
      } catch {
        // The first error says why there is no room; that others have none either is no news.
      }
    }
    throw error;
  }

  #request(spec: FunctionSpec, asker: Asker | undefined): CapacityRequest {
    const { clock, waitMs, epoch } = this.#options;
    return {
      ...(asker && { requestId: asker.requestId }),
      account: spec.account,
      spec,
      deadlineMs: clock.wallTime() + waitMs,
      epoch,
      final: false,
    };
  }
  /** Whether sandboxes of a function with reserved concurrency will be free before long where it has its own. */
  #staysReserved(spec: FunctionSpec): boolean {
    if (!this.#partition.isReserved(spec)) return false;
    const pools = this.poolsOf(spec);
    const all = pools.reduce((sum, { sandboxes }) => sum + sandboxes.size, 0);
    const busy = pools.reduce((sum, pool) => sum + pool.busy.length, 0);
    return busy < SPILL_ABOVE * all;
  }

  #sum(of: (manager: WorkerManager) => number): number {
    return this.#managers.reduce((sum, manager) => sum + of(manager), 0);
  }
}

/** Here all know the same ring and nothing is long under way: a refusal is a fault. */
function orRefused(answer: Promise<Sandbox> | CapacityRefusal): Promise<Sandbox> {
  if (typeof answer !== 'string') return answer;
  return Promise.reject(new ApiError('ServiceException', `No worker manager took the request: ${answer}.`));
}
