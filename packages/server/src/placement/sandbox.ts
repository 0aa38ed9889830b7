import type {
  FunctionSpec,
  InitMessage,
  InstanceStep,
  PlaceTimes,
  SandboxExit,
  SandboxState,
  StartPath,
} from '@hearth/protocol';
import type { SafeSandbox } from '../instances/safe-sandbox.ts';
import { Deadline } from './deadline-queue.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Keeper } from './keeper.ts';
import type { PatientRequest } from './line.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { LogWriter } from './ports.ts';
import type { AheadOfCall } from './keep-alive/ahead-schedule.ts';
import type { Resting } from './keep-alive/policy.ts';
import { RenewalDeadline } from './renewal.ts';

/** What may follow what. `spare` is not here: a spare belongs to its agent until it is placed. */
const NEXT: Record<SandboxState, readonly SandboxState[]> = {
  starting: ['initialising', 'shutting-down', 'dead'],
  spare: [],
  initialising: ['idle', 'executing', 'shutting-down', 'dead'],
  idle: ['executing', 'shutting-down', 'dead'],
  executing: ['idle', 'shutting-down', 'dead'],
  'shutting-down': ['dead'],
  dead: [],
};

/** On its way to its first invocation. */
function isComing(state: SandboxState): boolean {
  return state === 'starting' || state === 'initialising';
}

/** Executing, or on its way to it. */
function isBusy(state: SandboxState): boolean {
  return state === 'executing' || isComing(state);
}

/** What the parts of making a sandbox took: milliseconds. */
export interface SandboxCosts {
  /** Making its instance, which may have begun before the request came; absent where that was there before. */
  readonly boot?: number;
  /** Until the agent had code and layers unpacked. */
  readonly code?: number;
  /** Getting the sandbox ready, beside that. */
  readonly sandbox?: number;
}

/** How a sandbox came to its end, as far as that is known. */
export interface SandboxLoss {
  readonly reason: string;
  /** Null where nobody saw its first process end. */
  readonly exit: SandboxExit | null;
  /** The most memory it used; 0 where unknown. */
  readonly maxMemoryMb: number;
  /** It was never made, because its code can't be unpacked. */
  readonly brokenPackage?: boolean;
}

/** No lease has this number. */
export const NO_LEASE = 0;

/** Whoever waits for something of a sandbox. */
export interface SandboxHolder {
  /** What a process of it wrote to descriptor 1 or 2, as it came: not in whole lines. Valid until the call returns. */
  onOutput?(bytes: Buffer): void;
  /** Told once when it is lost, whoever ended it. */
  onLost(loss: SandboxLoss): void;
}

/**
 * A sandbox as placement sees it, from the moment an agent is asked for it until its slot is clean again.
 *
 * A lease is the right to run one invocation in it. Its id and the lease's number name it: whoever was given the sandbox has it alone until he
 * ends that lease (`release` after a response or an error, `abandon` after a time-out) or the sandbox is lost. What is said of a lease that has
 * ended is not heard, however late it comes and whoever has the sandbox by then.
 */
export class Sandbox extends Deadline implements Resting {
  readonly id: string;
  readonly spec: FunctionSpec;
  readonly pool: FunctionPool;
  readonly instance: ManagedInstance;
  readonly instanceStep: InstanceStep;
  /** Why it was made where it was made, in words; the agent adds why it was made as it was. */
  reason: string;
  /** How it was made. */
  startPath: StartPath = 'spare';
  times: PlaceTimes | undefined;
  /** How long its instance took to be made, where that was made for the one who waited: ms. */
  bootMs: number | undefined;
  /** Its place in the instance; -1 until it is placed. */
  slot = -1;
  /** The id its agent announced it with, once it is placed. */
  connection = '';
  /** Set when it is placed. */
  stream: SafeSandbox | undefined;
  log: LogWriter | undefined;
  logStream = '';
  /**
   * The request that waits for it to be made. Here, and not in a map by sandbox: tables that grow and shrink with every burst keep what was in them
   * alive for the young generation's collector, which then copies it.
   */
  madeFor: PlacementRequest | undefined;
  /** What it will be told to become, where that is known. */
  initMessage: InitMessage | undefined;
  /** What it counts against its instance now, in MB. */
  committedMb: number;
  /** As last measured, in MB; 0 before. */
  usedMb = 0;
  maxUsedMb = 0;
  /** Clock's time of that measurement. */
  measuredAt = -Infinity;
  frozen = false;
  /** How it said that it ends; see protocol's signals.ts. */
  announced: string | undefined;
  /** Whether its processes have written to their descriptors 1 and 2: on a stream of its own, which has to be waited for. */
  writesOutput = false;
  /** Whether its last invocation ended with an error: its process may be about to end. */
  failedLast = false;
  /** See {@link Resting}; good while it is idle. */
  rank = 1;
  idleSince = 0;
  keepMs = 0;
  keepWhy = '';
  keepPriority = 0;
  /** Clock's time at which it came to rest, and its keep-alive began; -1 while it doesn't. */
  restsSince = -1;
  /** The call that it was made for and has not had. */
  expects: AheadOfCall | undefined;
  /** How long it took to load its function: ms; 0 before. */
  loadedInMs = 0;
  /** Clock's time at which its last invocation ended. */
  lastUsedAt = 0;
  /** Why it serves what was sent to it and no more; undefined where it goes on. */
  lastReason: string | undefined;
  /** When that is. */
  readonly renewal = new RenewalDeadline(this);
  /** Whether an invocation has ended in it. */
  hasServed = false;
  /** Whether the invocation that ends has waited for nothing but a processor. */
  computed = false;
  /** Clock's time at which its present or last invocation was sent. */
  leasedAt = 0;
  /** Clock's time at which init was sent. */
  initStartedAt = 0;
  /** Its neighbours in the stack of idle sandboxes. */
  below: Sandbox | undefined;
  above: Sandbox | undefined;
  /** Its place among the busy ones of its pool. */
  busyIndex = 0;
  /** Requests that have been sent to it ahead, in the order in which they begin. */
  readonly ahead: PatientRequest[] = [];
  /** Of an init ahead of any invocation, until one has reported it: ms. */
  initMs: number | undefined;
  /** The number of its lease, of all that it has had; {@link NO_LEASE} while nobody has one. */
  lease = NO_LEASE;
  /** Whoever has that lease and wants to know. */
  holder: SandboxHolder | undefined;
  #keeper: Keeper | undefined;
  #leases = 0;
  #state: SandboxState = 'starting';

  constructor(
    id: string,
    spec: FunctionSpec,
    pool: FunctionPool,
    instance: ManagedInstance,
    instanceStep: InstanceStep,
    reason: string,
  ) {
    super();
    this.id = id;
    this.spec = spec;
    this.pool = pool;
    this.instance = instance;
    this.instanceStep = instanceStep;
    this.reason = reason;
    this.committedMb = spec.memoryMb;
    pool.coming++;
    pool.account.leases++;
    instance.busyMb += spec.memoryMb;
    instance.holding.running++;
  }

  get state(): SandboxState {
    return this.#state;
  }

  /** Whoever has it kept, whether it is used or not. */
  get keeper(): Keeper | undefined {
    return this.#keeper;
  }

  set keeper(keeper: Keeper | undefined) {
    this.instance.kept += Number(keeper !== undefined) - Number(this.#keeper !== undefined);
    this.#keeper = keeper;
  }

  /** Somebody has it alone from now on. */
  grant(): void {
    this.lease = ++this.#leases;
  }

  /** @throws Error where the state machine has no such step: a fault of the caller, never of a sandbox. */
  become(state: SandboxState): void {
    if (!NEXT[this.#state].includes(state)) {
      throw new Error(`sandbox ${this.id} is ${this.#state} and can't become ${state}`);
    }
    if (isComing(this.#state) && !isComing(state)) this.pool.coming--;
    if (this.#state === 'executing') this.pool.leaveBusy(this);
    if (state === 'executing') this.pool.enterBusy(this);
    if (isBusy(this.#state) !== isBusy(state)) this.#count(isBusy(state) ? 1 : -1);
    this.#state = state;
  }

  #count(by: 1 | -1): void {
    this.pool.account.leases += by;
    this.instance.busyMb += by * this.spec.memoryMb;
    this.instance.holding.running += by;
  }

  /** What its processes wrote to descriptors 1 and 2. `bytes` is valid until the call returns. */
  onOutput(bytes: Buffer): void {
    this.writesOutput = true;
    if (this.holder?.onOutput === undefined) this.log?.write(bytes);
    else this.holder.onOutput(bytes);
  }

  /** Whether it executes, or is on its way to it. */
  get busy(): boolean {
    return isBusy(this.#state);
  }

  /** What making it took: ms. */
  get costs(): SandboxCosts {
    const { bootMs, times } = this;
    return { ...(bootMs === undefined ? undefined : { boot: bootMs }), ...times };
  }

  /** Whether it is on its way out, or gone. */
  get ending(): boolean {
    return this.#state === 'shutting-down' || this.#state === 'dead';
  }
}
