import { ApiError } from '@hearth/protocol';
import type { CapacityRefusal, CapacityRequest, FunctionSpec } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import type { FunctionPool } from './function-pool.ts';
import type { InitOutcome } from './initialiser.ts';
import type { PatientRequest } from './line.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { ManagerSet } from './manager-set.ts';
import type { PlacementWish } from './placement-request.ts';
import { Ring } from './ring.ts';
import type { Sandbox } from './sandbox.ts';
import type { Trail } from './trail.ts';
import type { WorkerManager } from './worker-manager.ts';

/** How often it is looked at whether an account still needs all the managers that it has. */
const LOOK_MS = 10_000;
/** They are one too many if what runs would fill the others to less than this share of what they run for one account. */
const NARROW_BELOW = 0.6;
/** A function with reserved concurrency of whose sandboxes a smaller share is busy gets one of these rather than another manager's (row N2). */
const SPILL_ABOVE = 0.8;

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

/**
 * The worker managers, seen from the frontend: which of them serves whom (rows X7, N1). Each account has a manager of its own by consistent hashing. If
 * that answers that it runs enough for the account, the account is given another one beside it, up to as many as its limit asks for; when its load
 * falls, one less. Functions with reserved concurrency have another arc of the ring: theirs is not the manager that their account's other functions
 * fill (row N2).
 */
export class Managers implements AsyncDisposable {
  readonly #options: ManagersOptions;
  readonly #managers: readonly WorkerManager[];
  /** The only one, where there are not several. */
  readonly #only: WorkerManager | undefined;
  readonly #shared: Ring;
  readonly #reserved: Ring;
  readonly #sets = new Map<string, ManagerSet>();
  /** ARNs of functions with reserved concurrency. */
  readonly #reservations = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: ManagersOptions) {
    this.#options = options;
    this.#managers = options.managers;
    this.#only = options.managers.length === 1 ? options.managers[0] : undefined;
    this.#shared = new Ring(options.managers.length, 'shared');
    this.#reserved = new Ring(options.managers.length, 'reserved');
    if (this.#only === undefined) this.#wait();
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

  /** How many managers serve this function at present. */
  widthOf(spec: FunctionSpec): number {
    return this.#setOf(spec).size;
  }

  /** What the managers know of a function version. */
  poolsOf(spec: FunctionSpec): FunctionPool[] {
    return this.#managers.flatMap((manager) => manager.poolOf(spec) ?? []);
  }

  /** See {@link WorkerManager.takeIdle}. */
  takeIdle(spec: FunctionSpec): Sandbox | undefined {
    if (this.#only !== undefined) return this.#only.takeIdle(spec);
    for (const member of this.#setOf(spec).members) {
      const sandbox = this.#managers[member]!.takeIdle(spec);
      if (sandbox !== undefined) return sandbox;
    }
    return undefined;
  }

  /** See {@link WorkerManager.waitForBusy}. */
  waitForBusy(spec: FunctionSpec, request: PatientRequest, now: number): boolean {
    if (this.#only !== undefined) return this.#only.waitForBusy(spec, request, now);
    return this.#setOf(spec).members.some((member) => this.#managers[member]!.waitForBusy(spec, request, now));
  }

  /**
   * Has one of the account's managers find or make a sandbox; see {@link WorkerManager.place}.
   *
   * @param asker absent where it is made ahead.
   */
  place(spec: FunctionSpec, wish?: PlacementWish, asker?: Asker): Promise<Sandbox> {
    const set = this.#setOf(spec);
    // Where a sandbox is to be beside another, that one's manager has it.
    let tried = wish?.beside === undefined ? this.#ask(set.members, spec, wish, asker) : undefined;
    while (tried === undefined && wish?.beside === undefined && !this.#staysReserved(spec)) {
      if (!set.widen(this.#mostFor(spec.account))) break;
      tried = this.#ask(set.members.slice(-1), spec, wish, asker);
    }
    return tried ?? this.#insist(set, spec, wish, asker);
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

  retire(spec: FunctionSpec): void {
    for (const manager of this.#managers) manager.retire(spec);
  }

  /** A function has reserved concurrency from now on, or has none any more. */
  reserve({ functionArn }: Pick<FunctionSpec, 'functionArn'>, reserved: boolean): void {
    if (reserved) this.#reservations.add(functionArn);
    else {
      this.#reservations.delete(functionArn);
      this.#sets.delete(functionArn);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await Promise.all(this.#managers.map((manager) => manager[Symbol.asyncDispose]()));
  }

  #of(sandbox: Sandbox): WorkerManager {
    return this.#only ?? this.#managers[sandbox.instance.manager]!;
  }

  /** The first of these that takes the request has it. */
  #ask(
    members: readonly number[],
    spec: FunctionSpec,
    wish: PlacementWish | undefined,
    asker: Asker | undefined,
  ): Promise<Sandbox> | undefined {
    for (const member of members) {
      const answer = this.#managers[member]!.place(this.#request(spec, asker, false), wish, asker?.trail);
      if (answer !== 'throttled') return orRefused(answer);
    }
    return undefined;
  }

  /** All have had enough of this account, which may have more than that: the one that runs the least for it takes it. */
  #insist(
    set: ManagerSet,
    spec: FunctionSpec,
    wish: PlacementWish | undefined,
    asker: Asker | undefined,
  ): Promise<Sandbox> {
    const own = wish?.beside?.manager;
    const managers = set.members.map((member) => this.#managers[member]!);
    const least = managers.toSorted((a, b) => a.leasesOf(spec.account) - b.leasesOf(spec.account))[0]!;
    const manager = own === undefined ? least : this.#managers[own]!;
    return orRefused(manager.place(this.#request(spec, asker, true), wish, asker?.trail));
  }

  #request(spec: FunctionSpec, asker: Asker | undefined, final: boolean): CapacityRequest {
    const deadlineMs = this.#options.clock.wallTime() + this.#options.waitMs;
    return {
      ...(asker && { requestId: asker.requestId }),
      account: spec.account,
      spec,
      deadlineMs,
      epoch: this.#options.epoch,
      final,
    };
  }

  #setOf(spec: FunctionSpec): ManagerSet {
    const reserved = this.#reservations.has(spec.functionArn);
    const key = reserved ? spec.functionArn : spec.account;
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ManagerSet((reserved ? this.#reserved : this.#shared).order(key));
      this.#sets.set(key, set);
    }
    return set;
  }

  /** As many managers as the account's limit asks for. */
  #mostFor(account: string): number {
    return Math.ceil(this.#options.accountConcurrency(account) / this.#options.accountLeases);
  }

  /** Whether sandboxes of a function with reserved concurrency will be free before long where it has its own. */
  #staysReserved(spec: FunctionSpec): boolean {
    if (!this.#reservations.has(spec.functionArn)) return false;
    const pools = this.poolsOf(spec);
    const all = pools.reduce((sum, { sandboxes }) => sum + sandboxes.size, 0);
    const busy = pools.reduce((sum, pool) => sum + pool.busy.length, 0);
    return busy < SPILL_ABOVE * all;
  }

  #sum(of: (manager: WorkerManager) => number): number {
    return this.#managers.reduce((sum, manager) => sum + of(manager), 0);
  }

  #wait(): void {
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => {
      for (const [key, set] of this.#sets) if (set.size > 1) this.#narrowIfIdle(key, set);
      this.#wait();
    });
  }

  #narrowIfIdle(key: string, set: ManagerSet): void {
    const account = this.#reservations.has(key) ? key.split(':')[4]! : key;
    const leases = set.members.reduce((sum, member) => sum + this.#managers[member]!.leasesOf(account), 0);
    if (leases < NARROW_BELOW * (set.size - 1) * this.#options.accountLeases) set.narrow();
  }
}

/** Here all know the same ring and nothing is long under way: a refusal is a fault. */
function orRefused(answer: Promise<Sandbox> | CapacityRefusal): Promise<Sandbox> {
  if (typeof answer !== 'string') return answer;
  return Promise.reject(new ApiError('ServiceException', `No worker manager took the request: ${answer}.`));
}
