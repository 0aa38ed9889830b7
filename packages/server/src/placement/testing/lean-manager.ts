import type { FunctionSpec, InitMessage } from '@hearth/protocol';
import { Capacity } from '../../capacity/capacity.ts';
import { declare } from '../../capacity/configuration.ts';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { createPolicy } from '../keep-alive/policies.ts';
import type { Sandbox } from '../sandbox.ts';
import { WorkerManager } from '../worker-manager.ts';
import type { WorkerManagerOptions } from '../worker-manager.ts';
import { type LeanInstance, LeanProvider } from './lean-provider.ts';

export interface LeanManagerOptions extends Partial<WorkerManagerOptions> {
  readonly instanceMemoryMb: number;
  readonly warmInstances: number;
  readonly maxMemoryMb: number;
}

/** What a sandbox is told to become is no part of a decision: nothing is written down for it. */
const NO_MESSAGE = {} as InitMessage;
const writer = { write: () => undefined, close: () => undefined };
const credentials = { accessKeyId: '', secretAccessKey: '', sessionToken: '' };

/** A worker manager on instances that do nothing but obey when they are told to. */
export class LeanManager {
  readonly clock = new ManualClock();
  readonly capacity: Capacity;
  readonly manager: WorkerManager;
  /** Instances whose agents have something to do. */
  readonly #ordered: LeanInstance[] = [];

  constructor(options: LeanManagerOptions) {
    const { clock } = this;
    const { instanceMemoryMb, warmInstances, maxMemoryMb } = options;
    this.capacity = new Capacity({
      provider: new LeanProvider((instance) => this.#ordered.push(instance)),
      clock,
      configurations: declare([], [instanceMemoryMb]),
      hasRuntime: () => true,
      sizing: {
        least: warmInstances,
        most: warmInstances,
        refill: 1,
        busyRefill: 1,
        busyDrawsPerMinute: Infinity,
        busyRequestsPerSecond: Infinity,
      },
      overheadMb: 0,
      findFunction: () => undefined,
      onPrepared: () => undefined,
      requests: () => 0,
      load: () => 0,
      healthCheckMs: 0,
      instanceMemoryMb,
      instanceCpus: 1,
      spares: 0,
      slots: 0,
      maxSandboxes: 1_000,
      maxMemoryMb,
      atOnce: warmInstances,
      onLog: (_level, message) => process.stderr.write(`${message}\n`),
    });
    this.manager = new WorkerManager({
      manager: 0,
      epoch: 1,
      accountLeases: Infinity,
      clock,
      capacity: this.capacity,
      logs: { open: () => writer },
      credentialsFor: () => credentials,
      renewAfterMs: 3_600_000,
      endpointVariables: [],
      runtimeComing: () => undefined,
      onLog: () => undefined,
      freezeAfterMs: 5,
      keepAlive: createPolicy('fixed', { idleMs: 100 * 3_600_000, maxIdleMs: 100 * 3_600_000 }),
      instanceKeepAliveMs: 200 * 3_600_000,
      waitMs: 30_000,
      shedAbove: Infinity,
      // Nobody waits for a busy sandbox.
      processors: 1_000_000,
      isFull: () => false,
      mayHaveMore: () => true,
      ahead: 0,
      overheadMb: 0,
      scaleInBelow: 0,
      healthCheckMs: 0,
      load: () => Promise.resolve(),
      ...options,
    });
  }

  /** See {@link WorkerManager.place}. */
  place(spec: FunctionSpec): Promise<Sandbox> {
    const request = { account: spec.account, spec, deadlineMs: Infinity, epoch: 1, final: true };
    return this.manager.place(request) as Promise<Sandbox>;
  }

  /** Agents carry out what they were asked for. */
  obey(): void {
    for (const instance of this.#ordered.splice(0)) instance.obey();
  }

  /** A sandbox that was just made loads its function, and executes. */
  initialise(sandbox: Sandbox): void {
    sandbox.stream!.init(NO_MESSAGE);
    (sandbox.instance.instance as LeanInstance).initialise(sandbox.connection);
  }
}
