import assert from 'node:assert/strict';
import type { RuntimeId } from '@hearth/protocol';
import type { Instance } from '../../instances/provider.ts';
import { FakeProvider } from '../../instances/testing/fake-provider.ts';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { MemoryCode } from '../../instances/testing/spec.ts';
import { Capacity } from '../capacity.ts';
import type { CapacityOptions, TakenInstance } from '../capacity.ts';
import { declare } from '../configuration.ts';
import type { PoolSizing } from '../pool-size.ts';

/** Two instances, whatever the traffic. */
export const SIZING: PoolSizing = {
  least: 2,
  most: 2,
  refill: 1,
  busyRefill: 1,
  busyDrawsPerMinute: Infinity,
  busyRequestsPerSecond: Infinity,
};

/** Capacity with fake instances and a clock that the test moves. */
export class TestCapacity implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly provider = new FakeProvider({ clock: this.clock, code: new MemoryCode(), handlers: {} });
  readonly errors: string[] = [];
  readonly capacity: Capacity;
  /** Requests so far, and executions under way. */
  requests = 0;
  load = 0;

  constructor(options: Partial<CapacityOptions> = {}) {
    this.capacity = new Capacity({
      provider: this.provider,
      clock: this.clock,
      configurations: declare(['nodejs26.x'], [512]),
      hasRuntime: () => true,
      sizing: SIZING,
      healthCheckMs: 300_000,
      overheadMb: 0,
      findFunction: () => undefined,
      onPrepared: () => undefined,
      requests: () => this.requests,
      load: () => this.load,
      instanceMemoryMb: 512,
      instanceCpus: 1,
      spares: 1,
      slots: 1,
      maxSandboxes: 4,
      maxMemoryMb: 2048,
      atOnce: 2,
      onLog: (level, message) => void (level === 'error' && this.errors.push(message)),
      ...options,
    });
  }

  get warm(): Instance[] {
    return Array.from(this.capacity.warm(), ({ instance }) => instance);
  }

  /** By configuration: how many are warm. */
  get ready(): Record<string, number> {
    return Object.fromEntries(this.capacity.view().configurations.map(({ name, ready }) => [name, ready]));
  }

  want(count: number, runtime: RuntimeId = 'nodejs26.x', memoryMb = 512): void {
    this.capacity.want(new Map([[this.capacity.configurationFor({ runtime, memoryMb })!, count]]));
  }

  draw(memoryMb = 512, runtime: RuntimeId = 'nodejs26.x', waitingSince?: number): TakenInstance | undefined {
    return this.capacity.take({ account: '111111111111', home: '111111111111', runtime, memoryMb, waitingSince });
  }

  take(memoryMb: number): Instance | undefined {
    return this.draw(memoryMb)?.instance;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.capacity[Symbol.asyncDispose]();
    assert.equal(this.capacity.warmCount, 0);
    await this.provider[Symbol.asyncDispose]();
  }
}
