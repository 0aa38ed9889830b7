import { signalOfEnd } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { ActivePool } from './active-pool.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { Drain } from './drain.ts';
import type { FunctionPool } from './function-pool.ts';
import type { IdleKeeper } from './idle-keeper.ts';
import type { ServerLog } from './ports.ts';
import { Renewal } from './renewal.ts';
import { NO_LEASE } from './sandbox.ts';
import type { Sandbox, SandboxLoss } from './sandbox.ts';

/** A killed sandbox is gone in milliseconds. An agent that takes this long is stuck, and its instance with it. */
const END_TIMEOUT_MS = 15_000;
const RENEWED = 'its credentials are past half of their life, and a new one has new ones';

export interface EndingsOptions {
  readonly clock: Clock;
  readonly idle: IdleKeeper;
  readonly active: ActivePool;
  /** See {@link Renewal}. */
  readonly renewAfterMs: number;
  readonly onLog: ServerLog;
  /** Its slot is clean: what it held is free again. */
  readonly onGone: (sandbox: Sandbox, loss: SandboxLoss) => void;
}

/** How sandboxes end: because they are wanted no more, because they are lost, because their function or credentials are old. */
export class Endings implements Disposable {
  readonly #options: EndingsOptions;
  readonly #renewal: Renewal;
  readonly #drain: Drain;
  /** Those on their way out. */
  readonly #queue: DeadlineQueue;

  constructor(options: EndingsOptions) {
    this.#options = options;
    const { clock, active } = options;
    this.#renewal = new Renewal(clock, options.renewAfterMs, (sandbox) => this.#onOutdated(sandbox));
    this.#drain = new Drain(clock, (sandbox) =>
      this.destroy(sandbox, sandbox.lastReason ?? 'its function has changed'),
    );
    this.#queue = new DeadlineQueue(clock, END_TIMEOUT_MS, (due) => {
      const sandbox = due as Sandbox;
      active.giveUp(sandbox.instance, `sandbox ${sandbox.id} could not be ended`);
    });
  }

  /** The sandbox is about to be given its credentials. */
  renewLater(sandbox: Sandbox): void {
    this.#renewal.add(sandbox);
  }

  /** The sandboxes of a version that is no more. */
  drain(pool: FunctionPool): void {
    pool.retired = true;
    this.#drain.add(pool);
  }

  /** See {@link WorkerManager.letGo}. */
  letGo(sandbox: Sandbox, reason: string): void {
    sandbox.keeper = undefined;
    sandbox.lastReason ??= reason;
    if (sandbox.state === 'idle') this.#drain.addSandbox(sandbox);
  }

  /** See {@link WorkerManager.destroy}. */
  destroy(sandbox: Sandbox, reason: string): void {
    if (sandbox.ending) return;
    if (sandbox.state === 'idle') {
      sandbox.pool.take(sandbox);
      this.#options.idle.leave(sandbox, this.#options.clock.now());
    }
    const executed = sandbox.state === 'executing';
    sandbox.queue?.remove(sandbox);
    sandbox.lease = NO_LEASE;
    sandbox.become('shutting-down');
    this.#options.idle.thaw(sandbox);
    sandbox.instance.releasingMb += sandbox.committedMb;
    this.#queue.add(sandbox, this.#options.clock.now());
    sandbox.stream?.close(reason);
    sandbox.instance.instance.send({ type: 'destroy', sandbox: sandbox.id, reason });
    if (executed) sandbox.pool.line.lose(sandbox);
    if (sandbox.instance.state === 'draining') this.#options.active.endIfQuiet(sandbox.instance);
  }

  /** The sandbox is gone, whoever ended it: its slot is clean. */
  lost(sandbox: Sandbox, loss: SandboxLoss): void {
    const { instance, pool } = sandbox;
    if (!sandbox.ending) this.destroy(sandbox, loss.reason);
    sandbox.queue?.remove(sandbox);
    this.#renewal.remove(sandbox);
    sandbox.become('dead');
    instance.releasingMb -= sandbox.committedMb;
    instance.remove(sandbox);
    instance.connections.delete(sandbox.connection);
    pool.sandboxes.delete(sandbox);
    const { holder, keeper } = sandbox;
    sandbox.holder = undefined;
    holder?.onLost(withSignal(loss, sandbox.announced));
    sandbox.log?.close();
    sandbox.keeper = undefined;
    keeper?.lost(sandbox);
    this.#options.onGone(sandbox, loss);
  }

  /** Its slot can't be frozen, thawed or measured. */
  broken(sandbox: Sandbox, error: Error): void {
    if (sandbox.ending) return;
    this.#options.onLog('warn', `sandbox ${sandbox.id} can't be frozen or measured: ${error.message}`);
    this.destroy(sandbox, 'its slot is broken');
  }

  [Symbol.dispose](): void {
    for (const owner of [this.#renewal, this.#drain, this.#queue]) owner[Symbol.dispose]();
  }

  #onOutdated(sandbox: Sandbox): void {
    if (sandbox.keeper !== undefined) return sandbox.keeper.outdated(sandbox);
    if (sandbox.state === 'idle') return this.destroy(sandbox, RENEWED);
    sandbox.lastReason ??= RENEWED;
  }
}

/** A process 1 that ended itself by a signal has a status in its place. */
function withSignal(loss: SandboxLoss, announced: string | undefined): SandboxLoss {
  const signal = loss.exit?.code == null ? undefined : signalOfEnd(announced, loss.exit.code);
  if (signal === undefined || loss.exit === null) return loss;
  return { ...loss, exit: { ...loss.exit, code: null, signal } };
}
