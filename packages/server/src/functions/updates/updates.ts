import { ApiError, RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { EventEmitter } from 'node:events';
import type { CollectorOptions } from '../code-collector.ts';
import type { Entry } from '../function-index.ts';
import { functionArn } from '../function-name.ts';
import type { FunctionRecord, VersionRecord } from '../function-record.ts';
import type { Rollout } from '../ports.ts';
import { updateInProgress } from '../registry.ts';
import type { FunctionsEvents, Registry } from '../registry.ts';
import { Canary } from './canary.ts';
import { canaryOf, consistencyOf } from './policy.ts';
import { FailedUpdate, Update } from './update.ts';
import type { Chooser } from './update.ts';

export interface UpdatesOptions extends CollectorOptions {
  readonly registry: Registry;
  readonly events: EventEmitter<FunctionsEvents>;
  /** What runs functions; without one a change is live at once. */
  readonly rollout: Rollout | undefined;
}

/**
 * Changes of `$LATEST` without a gap (rows V2 to V13, V17, V19, V20). Where a sandbox of the version that serves is warm, a change is
 * written down together with that version, which goes on until the new one is ready on the same instances; then traffic moves at
 * once. One that can't be had or loaded never takes over: the function is Failed, and the old version serves, also after the next
 * start of the server. Where nothing is warm, the change is live as soon as it is on disk.
 *
 * An update lasts (`LastUpdateStatus` InProgress) until nothing is left that began or will begin on the old version after it.
 */
export class Updates {
  readonly #options: UpdatesOptions;
  readonly #registry: Registry;
  /** By the functions' uids. */
  readonly #running = new Map<string, Update>();
  readonly #stopping = new AbortController();

  constructor(options: UpdatesOptions) {
    this.#options = options;
    this.#registry = options.registry;
  }

  /** Takes up the updates that the last run of the server has not ended. */
  resume(): void {
    for (const entry of this.#registry.index.all()) {
      if (entry.record.update?.status === 'in-progress') this.#run(entry);
    }
  }

  /** Whether `$LATEST` of a function is being updated; a published version never is. */
  isRunning(record: FunctionRecord | VersionRecord): boolean {
    return !('version' in record) && this.#running.has(record.uid);
  }

  /** A changed function as it is to be written down: with the version that serves until this one is ready, where that is needed. */
  prepare(changed: FunctionRecord): FunctionRecord {
    const { update: before, ...record } = changed;
    const entry = this.#registry.index.get(changed);
    if (entry === undefined || this.#options.rollout?.isWarm(entry.spec) !== true) return record;
    if (consistencyOf(record.tags).immediate) return record;
    const { settings, architecture, code, revision } = entry.record;
    return {
      ...record,
      update: { status: 'in-progress', serving: before?.serving ?? { settings, architecture, code, revision } },
    };
  }

  /** What `prepare` has made is on disk: has it take over. @param before the function as it was until now. */
  begin(entry: Entry, before: Entry): void {
    if (before.newest !== before.spec) this.#options.events.emit('abandoned', before.newest);
    if (entry.record.update === undefined) this.#leave(entry, before.spec);
    else this.#run(entry);
  }

  /**
   * Resolves when a version can take over what another serves, as when an alias moves. Rejects with a RolloutError where it can't.
   */
  async ready({ tags }: FunctionRecord, old: FunctionSpec, next: FunctionSpec): Promise<void> {
    if (consistencyOf(tags).immediate) return;
    await this.#options.rollout?.prepare(old, next, this.#stopping.signal);
  }

  /** @throws ApiError ResourceConflictException while `$LATEST` is being updated. */
  checkNone(record: FunctionRecord): void {
    if (this.isRunning(record)) throw updateInProgress(functionArn(record));
  }

  /** Who chooses between two versions of `$LATEST`, where there are two. */
  chooser({ record, spec, newest }: Entry): Chooser | undefined {
    if (record.update === undefined) return undefined;
    return this.#running.get(record.uid) ?? new FailedUpdate(spec, newest, consistencyOf(record.tags));
  }

  /** The function is deleted. */
  callOff({ record, newest }: Entry): void {
    const update = this.#running.get(record.uid);
    this.#running.delete(record.uid);
    update?.off.abort(new Error('The function was deleted.'));
    if (record.update !== undefined) this.#options.events.emit('abandoned', newest);
  }

  /** Ends without a verdict on what is under way: the next start of the server takes it up. */
  [Symbol.dispose](): void {
    const stopping = new ApiError('ServiceUnavailableException', 'The server is stopping.');
    this.#stopping.abort(stopping);
    for (const update of this.#running.values()) update.off.abort(stopping);
    this.#running.clear();
  }

  /** Traffic goes to the new version already; the update is over when the last that was accepted before has begun. */
  #leave({ record, newest }: Entry, old: FunctionSpec): void {
    const left = this.#options.rollout?.begun(old);
    if (left === undefined) return;
    const update = new Update(old, newest, consistencyOf(record.tags), this.#options.now);
    this.#running.set(record.uid, update);
    void left.then(() => this.#end(record, update));
  }

  #run(entry: Entry): void {
    const { record, spec: old, newest: next } = entry;
    const update = new Update(old, next, consistencyOf(record.tags), this.#options.now);
    this.#running.set(record.uid, update);
    this.#options.events.emit('updating', old);
    this.#roll(record, update).catch((error: unknown) => {
      // Also that it failed can't be written down: the old version serves, and a new start tries again.
      this.#end(record, update);
      this.#options.onError(error);
    });
  }

  async #roll(record: FunctionRecord, update: Update): Promise<void> {
    const { old, next, off } = update;
    try {
      await this.#options.rollout?.prepare(old, next, off.signal);
      const canary = canaryOf(record.tags);
      if (canary !== undefined && !off.signal.aborted)
        await this.#try(update, new Canary(canary, this.#options.schedule));
      if (off.signal.aborted) return;
      await this.#settle(record, update);
    } catch (error) {
      // Deleted, or taken up again by the next start.
      if (off.signal.aborted) return;
      const { code, message } = asFailure(error);
      this.#options.events.emit('abandoned', next);
      await this.#settle(record, update, { code, reason: message });
      return this.#end(record, update);
    }
    await this.#options.rollout?.begun(old);
    this.#end(record, update);
  }

  async #try(update: Update, canary: Canary): Promise<void> {
    using _canary = canary;
    update.off.signal.addEventListener('abort', () => canary[Symbol.dispose](), { once: true });
    update.canary = canary;
    await canary.passed;
  }

  /** Writes down how the update has ended; by that traffic moves, where it has not failed. */
  async #settle(id: FunctionRecord, { off }: Update, failure?: { code: string; reason: string }): Promise<void> {
    const find = (): Entry => {
      off.signal.throwIfAborted();
      return this.#registry.index.get(id)!;
    };
    await this.#registry.inTurn(find, async ({ record }) => {
      const { update, ...settled } = record;
      if (update === undefined) return;
      const { serving } = update;
      await this.#registry.save(
        failure === undefined ? settled : { ...settled, update: { status: 'failed', serving, ...failure } },
      );
    });
  }

  #end({ uid }: FunctionRecord, update: Update): void {
    if (this.#running.get(uid) !== update) return;
    this.#running.delete(uid);
    // Who was told to choose need not any more, or chooses otherwise.
    this.#options.events.emit('updating', update.old);
  }
}

function asFailure(error: unknown): { code: string; message: string } {
  if (error instanceof RolloutError) return error;
  return { code: 'InternalError', message: (error as Error).message };
}
