import { archivesFor } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { AgentReport } from '../instances/provider.ts';
import { SafeSandbox } from '../instances/safe-sandbox.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { logStreamName } from './environment.ts';
import type { Rung } from './instance-index.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { LogSink } from './ports.ts';
import { randomHex } from './random-hex.ts';
import { Sandbox } from './sandbox.ts';

/** Fetching and unpacking 250 MB on a busy machine takes seconds; an agent that needs more than this is stuck. */
const PLACE_TIMEOUT_MS = 60_000;

export interface StarterOptions {
  readonly clock: Clock;
  readonly logs: LogSink;
  /** Its agent is at work on it: there is time to get ready what it will be told. */
  readonly onAsked: (sandbox: Sandbox) => void;
  readonly onInitialised: (sandbox: Sandbox) => void;
  readonly onInitFailed: (sandbox: Sandbox, document: Buffer) => void;
  /** What was sent to the sandbox ahead has not begun. */
  readonly onWithdrawn: (sandbox: Sandbox) => void;
  /** The sandbox's stream is at its end. */
  readonly onClosed: (sandbox: Sandbox, reason: string) => void;
  /** The sandbox could not be made ready in time, or its stream never came. */
  readonly onStuck: (sandbox: Sandbox, reason: string) => void;
  /** The agent has unpacked the sandbox's code. */
  readonly onPlaced: (sandbox: Sandbox) => void;
  /** It waits for init, and whoever it was made for has another one. */
  readonly onUnclaimed: (sandbox: Sandbox) => void;
}

function hasArchives({ codes }: ManagedInstance, spec: FunctionSpec): boolean {
  return archivesFor(spec).every((sha256) => codes.has(sha256));
}

/** Has an agent make a sandbox, and joins it with its stream. */
export class Starter implements Disposable {
  readonly #options: StarterOptions;
  readonly #timeouts: DeadlineQueue;

  constructor(options: StarterOptions) {
    this.#options = options;
    this.#timeouts = new DeadlineQueue(options.clock, PLACE_TIMEOUT_MS, (due) =>
      options.onStuck(due as Sandbox, `its agent did not make it in ${PLACE_TIMEOUT_MS / 1000} s`),
    );
  }

  /** Asks the rung's instance for a sandbox; the request is resolved when that waits for init. */
  start(request: PlacementRequest, rung: Rung): void {
    const { instance, step, reason } = rung;
    const sandbox = new Sandbox(`s-${randomHex(6)}`, request.spec, request.pool, instance, step, reason);
    if (step === 'boot') sandbox.bootMs = instance.instance.readyAt - instance.instance.begunAt;
    sandbox.keeper = request.wish.keeper;
    instance.queue?.remove(instance);
    instance.add(sandbox);
    request.pool.sandboxes.add(sandbox);
    sandbox.madeFor = request;
    if (!request.wantsNew && !hasArchives(instance, request.spec)) request.pool.fetching.add(request);
    const { clock, onAsked } = this.#options;
    this.#timeouts.add(sandbox, clock.now());
    instance.instance.send({ type: 'place', sandbox: sandbox.id, spec: request.spec });
    sandbox.logStream = logStreamName(request.spec.version, clock.wallTime(), randomHex(16));
    onAsked(sandbox);
  }

  /** The request that a sandbox was to be made for, until it is said to wait for init; not known here afterwards. */
  abandon(sandbox: Sandbox): PlacementRequest | undefined {
    const request = sandbox.madeFor;
    sandbox.madeFor = undefined;
    if (request !== undefined) request.pool.fetching.delete(request);
    return request;
  }

  /** The agent says that the sandbox has its code and limits. */
  placed(sandbox: Sandbox, report: Extract<AgentReport, { type: 'placed' }>): void {
    if (sandbox.state !== 'starting') return;
    sandbox.slot = report.slot;
    sandbox.startPath = report.path;
    sandbox.times = report.times;
    sandbox.reason = `${sandbox.reason}; ${report.reason}`;
    sandbox.instance.connections.set(report.connection, sandbox);
    sandbox.connection = report.connection;
    sandbox.log = this.#options.logs.open(sandbox.spec, sandbox.spec.logGroup, sandbox.logStream);
    this.#options.onPlaced(sandbox);
    this.#join(sandbox, report.connection).catch((error: Error) => this.#options.onStuck(sandbox, error.message));
  }

  [Symbol.dispose](): void {
    this.#timeouts[Symbol.dispose]();
  }

  async #join(sandbox: Sandbox, connection: string): Promise<void> {
    const stream = await sandbox.instance.instance.claim(connection);
    if (sandbox.state !== 'starting') {
      stream.destroy();
      return;
    }
    this.#timeouts.remove(sandbox);
    sandbox.stream = new SafeSandbox(stream, {
      onInitialised: () => this.#options.onInitialised(sandbox),
      onInitFailed: (document) => this.#options.onInitFailed(sandbox, document),
      onLog: (text) => sandbox.log?.write(text),
      onEnding: (how) => (sandbox.announced = how),
      onWithdrawn: () => this.#options.onWithdrawn(sandbox),
      onClosed: (reason) => this.#options.onClosed(sandbox, reason),
    });
    sandbox.become('initialising');
    sandbox.grant();
    const request = this.abandon(sandbox);
    if (request?.served === true) this.#options.onUnclaimed(sandbox);
    else request?.serve(sandbox);
  }
}
