import { cpuShare } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Clock, Timer } from '../instances/clock.ts';
import type { FunctionPool } from './function-pool.ts';
import { Parallelism } from './parallelism.ts';
import type { Sandbox } from './sandbox.ts';

/** A request that can wait for a busy sandbox of its function. */
export interface PatientRequest {
  /** Bytes of its event. */
  readonly bytes: number;
  /** Its turn has come: the sandbox is its alone, and executing. */
  given(sandbox: Sandbox, now: number): void;
  /** Sends its event to a sandbox that executes another's: its turn there comes next, or later. */
  sendAhead(sandbox: Sandbox): void;
  /** What it sent ahead has not begun and never will. */
  takenBack(): void;
  /** It shall not wait any longer: the rest of the ladder is its own to climb. */
  goOn(): void;
}

/** How often the line is looked at while somebody stands in it. */
const TURN_MS = 5;
/** A line is too long if at its present pace it takes more turns than these. A new sandbox takes about as long. */
const HORIZON = 4;
/** For so many while the function's first sandboxes are still on their way: another would take as long. */
const FIRST_TURNS = 20;
/** Only a line that has been too long for so many turns is worth an instance; until then sandboxes come where there is room. */
const INSTANCE_TURNS = 100;
/** A sandbox that takes this long for one invocation is stuck: it gives back what was sent to it ahead. */
const STUCK_MS = 2 * TURN_MS;
/** One of a function that only computes takes this long only if it waits for a processor, or is stuck after all. */
const STUCK_COMPUTING_MS = 10 * TURN_MS;
/** Processors that a function's busy sandboxes are given together at least: small ones are given little each. */
const LEAST_SHARE = 0.5;
/** Busy sandboxes that are looked at for one with room. */
const PROBES = 4;

export interface LineOptions {
  readonly clock: Clock;
  /** Of the machine. */
  readonly processors: number;
  /** Invocations that stand in a sandbox's own socket at most, behind the one that it executes. */
  readonly ahead: number;
  /** Whether a new sandbox finds room on an instance that the account has. */
  readonly hasRoom: (spec: FunctionSpec) => boolean;
  /** Whether somebody waits for a sandbox of this pool to be free, or to end: then nothing more is sent ahead. */
  readonly isAwaited: (pool: FunctionPool) => boolean;
}

/**
 * The requests of one quick function version that wait for its busy sandboxes. Where as many of them are busy as there
 * are processors, another could not run sooner than they are done, but would cost a switch, or be made first.
 *
 * A function that has proved itself has requests sent to busy sandboxes ahead, so that these go from one invocation to the
 * next without waiting for this process. Every {@link TURN_MS} the line is held against its pace; {@link Parallelism} says what follows.
 */
export class Line implements Disposable {
  readonly #pool: FunctionPool;
  readonly #clock: Clock;
  /** How many sandboxes may be busy at any time before requests wait. */
  readonly #least: number;
  readonly #ahead: number;
  readonly #hasRoom: (spec: FunctionSpec) => boolean;
  readonly #isAwaited: (pool: FunctionPool) => boolean;
  readonly #waiting: PatientRequest[] = [];
  readonly #parallelism: Parallelism;
  #probe = 0;
  #timer: Timer | undefined;
  #lookedAt = 0;
  #endedBefore = 0;
  #firstTurns = 0;
  #closed = false;

  constructor(pool: FunctionPool, options: LineOptions) {
    this.#pool = pool;
    this.#clock = options.clock;
    this.#least = Math.max(options.processors, Math.ceil(LEAST_SHARE / cpuShare(pool.spec.memoryMb)));
    this.#ahead = options.ahead;
    this.#hasRoom = options.hasRoom;
    this.#isAwaited = options.isAwaited;
    this.#parallelism = new Parallelism(this.#least);
  }

  /** How many sandboxes may be busy at present before requests wait. */
  get parallel(): number {
    return this.#parallelism.current;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether a request does better to stand in line than to take an idle sandbox or a new one. */
  get pays(): boolean {
    const pool = this.#pool;
    if (pool.retired || pool.pace === 'slow') return false;
    // Whether an unknown function is quick, its first sandboxes will show; as long as nobody knows, none may stay idle.
    if (pool.pace === 'unknown' && pool.top !== undefined) return false;
    return pool.busy.length + pool.coming + pool.waiting.size >= this.parallel;
  }

  /** It takes over from another line: as many sandboxes may be busy from the start. */
  expectLike(other: Line): void {
    this.#parallelism.reset(Math.max(this.#least, other.parallel));
  }

  join(request: PatientRequest, now: number): void {
    if (this.#waiting.length > 0 || !this.#sendAhead(request)) this.#waiting.push(request);
    if (this.#timer === undefined) this.#watch(now);
  }

  /** The request at the front, which stands here no longer, for a sandbox that is free; none where others will do. */
  next(): PatientRequest | undefined {
    return this.#surplus ? undefined : this.#waiting.shift();
  }

  /** Sends those at the front of the line ahead to a sandbox, as many as there is room for. */
  fill(sandbox: Sandbox): void {
    if (this.#surplus) return;
    while (this.#waiting.length > 0 && sandbox.ahead.length < this.#ahead && this.#send(this.#waiting[0]!, sandbox)) {
      this.#waiting.shift();
    }
  }

  /** What was sent ahead to a sandbox has not begun: all of it stands at the front of the line again. */
  takeBack(sandbox: Sandbox): void {
    const requests = sandbox.ahead.splice(0);
    for (const request of requests) request.takenBack();
    this.#waiting.unshift(...requests);
  }

  /** A busy sandbox is gone: whoever is first gets another in its place. */
  lose(sandbox: Sandbox): void {
    this.takeBack(sandbox);
    if (this.#closed) this.#dissolve();
    else this.#waiting.shift()?.goOn();
  }

  /** Nobody waits here any more; what was sent ahead either begins or is lost with its sandbox. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dissolve();
  }

  #dissolve(): void {
    for (const request of this.#waiting.splice(0)) request.goOn();
  }

  /** Whether more sandboxes are busy than shall be: those that become free stay so. */
  get #surplus(): boolean {
    return this.#pool.busy.length > this.parallel;
  }

  #sendAhead(request: PatientRequest): boolean {
    const { busy, steady } = this.#pool;
    if (!steady) return false;
    let best: Sandbox | undefined;
    for (let probe = 0; probe < Math.min(PROBES, busy.length); probe++) {
      const sandbox = busy[this.#probe++ % busy.length]!;
      if (sandbox.ahead.length < (best?.ahead.length ?? this.#ahead)) best = sandbox;
    }
    return best !== undefined && this.#send(request, best);
  }

  #send(request: PatientRequest, sandbox: Sandbox): boolean {
    const pool = this.#pool;
    // What it prints by its descriptors has to be waited for before the next may begin.
    if (sandbox.writesOutput || sandbox.lastReason !== undefined) return false;
    if (!pool.steady || !sandbox.stream!.takesAhead(request.bytes) || this.#isAwaited(pool)) return false;
    sandbox.ahead.push(request);
    request.sendAhead(sandbox);
    return true;
  }

  #watch(now: number): void {
    this.#lookedAt = now;
    this.#endedBefore = this.#pool.ended;
    this.#timer = this.#clock.setTimer(TURN_MS, this.#look);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    const pool = this.#pool;
    const ended = pool.ended - this.#endedBefore;
    // After a pause of this process there may be answers that nobody has read yet.
    const paused = now - this.#lookedAt > 2 * TURN_MS;
    if (!paused) this.#adjust(ended, now);
    if (this.#waiting.length > 0 || pool.busy.some(({ ahead }) => ahead.length > 0)) this.#watch(now);
    else {
      this.#parallelism.reset(paused ? this.#least : this.#leastParallel(now));
      this.#firstTurns = 0;
    }
  };

  /** To wait for a sandbox that is stuck is no gain: those don't count. */
  #leastParallel(now: number): number {
    let stuck = 0;
    const stuckMs = this.#pool.computes ? STUCK_COMPUTING_MS : STUCK_MS;
    for (const { leasedAt } of this.#pool.busy) if (now - leasedAt >= stuckMs) stuck++;
    return this.#least + stuck;
  }

  /** @param ended invocations since the last turn. */
  #adjust(ended: number, now: number): void {
    const pool = this.#pool;
    for (const sandbox of pool.busy) {
      if (sandbox.ahead.length > 0 && now - sandbox.leasedAt >= STUCK_MS) sandbox.stream!.withdraw();
    }
    // Of a version that has been replaced the sandboxes that are busy still serve who stood in line: no new one is made for them.
    const left = pool.retired && pool.busy.length + pool.coming === 0;
    if (left || pool.pace === 'slow') return this.#dissolve();
    const tooMany = this.#waiting.length - ended * HORIZON;
    if (tooMany > 0 && pool.ended === 0 && pool.busy.length === 0 && ++this.#firstTurns < FIRST_TURNS) return;
    const parallelism = this.#parallelism;
    const more = parallelism.turn({
      ended,
      tooMany,
      busy: pool.busy.length,
      coming: pool.coming,
      computes: pool.computes,
      least: this.#leastParallel(now),
    });
    let gone = 0;
    for (; gone < more; gone++) {
      if (parallelism.turnsTooLong < INSTANCE_TURNS && pool.top === undefined && !this.#hasRoom(pool.spec)) break;
      this.#waiting.shift()!.goOn();
    }
    if (gone > 0) parallelism.allow(pool.busy.length + pool.coming + pool.waiting.size);
  }
}
