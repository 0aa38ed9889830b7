import { ApiError, archivesFor, RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import { demand, unmet } from './demand.ts';
import type { FunctionPool } from './function-pool.ts';
import type { ManagedInstance } from './managed-instance.ts';
import { Permits } from './permits.ts';
import type { PlacementWish } from './placement-request.ts';
import type { ServerLog } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

/** What a rollout needs of the rest of placement. */
export interface RolloutPlacement {
  poolsOf(spec: FunctionSpec): readonly FunctionPool[];
  /** A new sandbox, on this instance where it has room. */
  place(spec: FunctionSpec, wish: PlacementWish): Promise<Sandbox>;
  /** A sandbox that has loaded its function is free for whoever comes. */
  offer(sandbox: Sandbox, now: number): void;
  destroy(sandbox: Sandbox, reason: string): void;
}

export interface RolloutOptions {
  readonly clock: Clock;
  readonly placement: RolloutPlacement;
  /**
   * Has a new sandbox load its function. Rejects with a {@link RolloutError} where the function itself is at fault; after any other
   * error another sandbox is tried.
   */
  readonly load: (sandbox: Sandbox) => Promise<void>;
  /** Of the machine. */
  readonly processors: number;
  readonly onLog: ServerLog;
}

/** Instances that fetch and unpack code for rollouts at the same time: the disk and the processors are also there for what runs. */
const DOWNLOADS_AT_ONCE = 2;
/** A load that needs many sandboxes waits for no more than about so many inits, one after the other. */
const WAVES = 8;
/** The load may have grown while sandboxes were made for it: it is looked at so many times. */
const ROUNDS = 3;
const MAX_TRIES = 5;
/** Before the second try; twice as long before each further one: 1.5 s of patience in all. */
const BACK_OFF_MS = 100;
/** How often it is looked at whether all has begun that a version was asked for. */
const BEGUN_POLL_MS = 1;

/** One version that is to take over from another. */
interface Move {
  readonly old: FunctionSpec;
  readonly next: FunctionSpec;
  readonly signal: AbortSignal;
  /** Sandboxes of `next`, made for this. */
  readonly made: Sandbox[];
}

/**
 * Gets a new version ready beside the one that serves (rows V4, V9, V15, V16): first one sandbox, which shows whether the version
 * can be had and loads at all; then as many as the present load needs, each beside one of the old version, instance by
 * instance. They idle until traffic moves; who moves it is not this file's concern.
 */
export class Rollout {
  readonly #options: RolloutOptions;
  readonly #downloads = new Permits(DOWNLOADS_AT_ONCE);

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /**
   * Makes the sandboxes that `next` needs to take over the load of `old`. Undefined where no sandbox of `old` is warm: there is
   * nothing to prepare.
   *
   * Rejects with a {@link RolloutError} where `next` can't take over, with an ApiError ServiceUnavailableException where the
   * server stops, with the signal's reason where that is aborted; what was made of `next` is ended then.
   */
  prepare(old: FunctionSpec, next: FunctionSpec, signal: AbortSignal): Promise<void> | undefined {
    if (!this.isWarm(old)) return undefined;
    return this.#prepare({ old, next, signal, made: [] });
  }

  /** Whether a sandbox of this version is ready to run. */
  isWarm(spec: FunctionSpec): boolean {
    return this.#demand(spec).length > 0;
  }

  /**
   * Resolves when everything that `spec` was asked for has begun; undefined where that is so already. Asked after traffic has moved
   * away from it, so it comes to an end.
   */
  begun(spec: FunctionSpec): Promise<void> | undefined {
    const waits = (): boolean => this.#options.placement.poolsOf(spec).some(({ hasUnbegun }) => hasUnbegun);
    if (!waits()) return undefined;
    return new Promise((resolve) => {
      const look = (): void => {
        if (waits()) this.#options.clock.setTimer(BEGUN_POLL_MS, look);
        else resolve();
      };
      this.#options.clock.setTimer(BEGUN_POLL_MS, look);
    });
  }

  async #prepare(move: Move): Promise<void> {
    const { placement } = this.#options;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const missing = this.#missing(move);
        if (missing.length === 0) return;
        // Where even one does not come about there is no sense in asking for more.
        if (round === 0) await this.#makeFirst(move, missing.shift()!);
        await this.#makeAll(move, missing);
      }
    } catch (error) {
      // What others run in goes when they have done with it.
      for (const sandbox of move.made) {
        if (sandbox.state === 'idle') placement.destroy(sandbox, 'its version could not take over');
      }
      move.signal.throwIfAborted();
      throw asRolloutError(error);
    }
  }

  async #makeFirst(move: Move, beside: ManagedInstance): Promise<void> {
    const { placement } = this.#options;
    await this.#make(move, beside);
    const [served] = placement.poolsOf(move.old);
    if (served === undefined) return;
    for (const pool of placement.poolsOf(move.next)) pool.expectLike(served);
  }

  #demand(spec: FunctionSpec): ManagedInstance[] {
    return demand(this.#options.placement.poolsOf(spec), this.#options.clock.now());
  }

  #missing({ old, next }: Move): ManagedInstance[] {
    return unmet(this.#demand(old), this.#options.placement.poolsOf(next));
  }

  /** One version loads already: sandboxes that can't be had now are left to the requests that will need them. */
  async #makeAll(move: Move, instances: readonly ManagedInstance[]): Promise<void> {
    const { processors, onLog } = this.#options;
    const permits = new Permits(Math.max(processors, Math.ceil(instances.length / WAVES)));
    const make = (beside: ManagedInstance): Promise<void> => permits.run(() => this.#make(move, beside));
    const archives = archivesFor(move.next);
    const fetches = new Map<ManagedInstance, Promise<void>>();
    const results = await Promise.allSettled(
      instances.map((beside) => {
        if (archives.every((sha256) => beside.codes.has(sha256))) return make(beside);
        const fetching = fetches.get(beside);
        // With its first sandbox an instance gets code and layers; the others need not ask at the same time.
        if (fetching !== undefined) return fetching.then(() => make(beside));
        const first = this.#downloads.run(() => this.#make(move, beside));
        fetches.set(beside, first);
        return first;
      }),
    );
    move.signal.throwIfAborted();
    const failed = results.filter((result) => result.status === 'rejected');
    if (failed.length === 0) return;
    const functions = failed.find(({ reason }) => reason instanceof RolloutError);
    if (functions !== undefined) throw functions.reason;
    const first = failed[0]!.reason as Error;
    onLog('warn', `${move.next.functionArn}: ${failed.length} sandboxes could not be made ahead: ${first.message}`);
  }

  async #make(move: Move, beside: ManagedInstance): Promise<void> {
    const { next, signal } = move;
    const { onLog } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(move, beside);
      } catch (error) {
        if (signal.aborted || isFinal(error) || tries === MAX_TRIES) throw error;
        onLog('warn', `${next.functionArn}: a new version could not be made ready: ${(error as Error).message}`);
      }
      await this.#pause(BACK_OFF_MS * 2 ** (tries - 1), signal);
    }
  }

  async #try({ next, signal, made }: Move, beside: ManagedInstance): Promise<void> {
    const { placement, load, clock } = this.#options;
    signal.throwIfAborted();
    const sandbox = await placement.place(next, { beside });
    if (signal.aborted) placement.destroy(sandbox, 'its version is wanted no more');
    signal.throwIfAborted();
    if (sandbox.ending) throw new Error('it ended before its init');
    // Somebody who could not wait for the rest may have had it first.
    if (sandbox.state !== 'executing') await load(sandbox);
    made.push(sandbox);
    placement.offer(sandbox, clock.now());
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(milliseconds, resolve);
      const end = (): void => {
        timer.cancel();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** Whether the next try would end in the same way. */
function isFinal(error: unknown): boolean {
  if (error instanceof RolloutError) return true;
  return error instanceof ApiError && FINAL.has(error.code);
}

const FINAL: ReadonlySet<string> = new Set([
  'InvalidZipFileException',
  'InvalidParameterValueException',
  'ServiceUnavailableException',
]);

function asRolloutError(error: unknown): Error {
  const { message } = error as Error;
  if (!(error instanceof ApiError)) {
    return error instanceof RolloutError ? error : new RolloutError('InternalError', message, { cause: error });
  }
  switch (error.code) {
    case 'ServiceUnavailableException':
      return error;
    case 'InvalidZipFileException':
      return new RolloutError('InvalidZipFileException', message, { cause: error });
    case 'TooManyRequestsException':
    case 'InvalidParameterValueException':
      return new RolloutError('InsufficientCapacity', message, { cause: error });
    default:
      return new RolloutError('InternalError', message, { cause: error });
  }
}
