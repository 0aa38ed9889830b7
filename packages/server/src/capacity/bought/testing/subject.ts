import type { FunctionSpec } from '@hearth/protocol';
import type { Instance } from '../../../instances/provider.ts';
import { FakeProvider } from '../../../instances/testing/fake-provider.ts';
import { ManualClock } from '../../../instances/testing/manual-clock.ts';
import { MemoryCode, testSpec } from '../../../instances/testing/spec.ts';
import { settled } from '../../../invoke/testing/test-fleet.ts';
import { Capacity } from '../../capacity.ts';
import type { CapacityOptions, InstanceNeed, TakenInstance } from '../../capacity.ts';
import { declare } from '../../configuration.ts';
import { SIZING } from '../../testing/test-capacity.ts';
import type { InUse } from '../bought-capacity.ts';
import type { PreparedVersion } from '../ports.ts';
import type { Purchase } from '../purchase.ts';

export const A = '111111111111';
export const B = '222222222222';

const STEP_MS = 4_000;

let purchases = 0;

/** A purchase of account A: an instance of the common size, dedicated, unless told otherwise. */
export function purchaseOf(over: Partial<Purchase> = {}): Purchase {
  return {
    id: `cap-${++purchases}`,
    account: A,
    class: 'dedicated',
    amount: 1,
    memoryMb: 512,
    region: 'us-east-1',
    runtimes: [],
    functions: [],
    until: null,
    schedule: null,
    constraints: null,
    lendMs: 0,
    createdAt: 0,
    updatedAt: 0,
    ...over,
  };
}

/** An instance in use, as placement would have it. */
export interface Held extends TakenInstance {
  /** What runs on it. */
  running: number;
  recalled: boolean;
}

/** Capacity on fake instances, with a clock that the test moves, and a stand-in for placement that takes whole instances. */
export class Subject implements InUse, AsyncDisposable {
  readonly clock = new ManualClock();
  readonly code = new MemoryCode();
  readonly provider = new FakeProvider({ clock: this.clock, code: this.code, handlers: {} });
  readonly functions = new Map<string, FunctionSpec>();
  readonly log: string[] = [];
  /** Sandboxes that are to be kept. */
  prepared: ReadonlyMap<string, PreparedVersion> = new Map();
  readonly capacity: Capacity;
  readonly held = new Map<string, Held>();

  constructor({ warm = 1, ...options }: Partial<CapacityOptions> & { warm?: number } = {}) {
    this.capacity = new Capacity({
      provider: this.provider,
      clock: this.clock,
      configurations: declare(['nodejs26.x'], [512]),
      hasRuntime: () => true,
      sizing: { ...SIZING, least: warm, most: warm },
      healthCheckMs: 0,
      requests: () => 0,
      load: () => 0,
      instanceMemoryMb: 512,
      overheadMb: 0,
      instanceCpus: 1,
      spares: 1,
      slots: 1,
      maxSandboxes: 100,
      maxMemoryMb: 4096,
      atOnce: 4,
      findFunction: (account, _region, name) => this.functions.get(`${account}/${name}`),
      onPrepared: (wanted) => void (this.prepared = wanted),
      onLog: (level, message) => void this.log.push(`${level}: ${message}`),
      ...options,
    });
    this.capacity.bought.serve(this);
    void this.capacity.start();
  }

  /** A function of this code, which a purchase may name. */
  define(account: string, name: string, code: string, layer?: string): FunctionSpec {
    const ref = (text: string) => ({ sha256: this.code.put(account, Buffer.from(text)), size: text.length });
    const spec = testSpec({
      account,
      functionName: name,
      code: ref(code),
      ...(layer !== undefined && { layers: [ref(layer)] }),
    });
    this.functions.set(`${account}/${name}`, spec);
    return spec;
  }

  async buy(over: Partial<Purchase> = {}): Promise<Purchase> {
    const purchase = purchaseOf(over);
    this.capacity.bought.put(purchase);
    await settled();
    return purchase;
  }

  subPool(purchase: Purchase) {
    for (const subPool of this.capacity.bought.subPools) if (subPool.purchase.id === purchase.id) return subPool;
    throw new Error('it has no sub-pool any more');
  }

  ready(purchase: Purchase): number {
    return this.subPool(purchase).ready.length;
  }

  need(account = A, more: Partial<InstanceNeed> = {}): InstanceNeed {
    return {
      account,
      home: account,
      runtime: 'nodejs26.x',
      memoryMb: 128,
      timeoutMs: 3_000,
      waitingSince: undefined,
      ...more,
    };
  }

  /** Climbs the upper part of the ladder as placement does, and starts one execution; undefined where the request waits or is refused. */
  take(need: InstanceNeed = this.need()): Held | undefined {
    const { bought } = this.capacity;
    let taken = bought.take(need);
    if (taken === undefined) {
      const shortage = bought.shortage(need);
      if (shortage === undefined || shortage.kind === 'overflow') taken = this.capacity.take(need);
    }
    if (taken === undefined) return undefined;
    taken.instance.assign(need.account);
    const held: Held = { ...taken, running: 1, recalled: false };
    taken.holding.running++;
    this.held.set(taken.instance.id, held);
    taken.instance.onGone(() => {
      this.held.delete(taken.instance.id);
      taken.holding.running -= held.running;
      held.running = 0;
    });
    return held;
  }

  /** What ran on it is done. */
  finish(held: Held): void {
    if (held.running === 0) return;
    held.running--;
    held.holding.running--;
    if (held.recalled && held.running === 0) void held.instance[Symbol.asyncDispose]();
  }

  /** It has been idle for long enough. @returns whether its sub-pool took it back. */
  giveBack(held: Held): boolean {
    this.held.delete(held.instance.id);
    const taken = this.capacity.bought.giveBack(held.instance);
    if (!taken) void held.instance[Symbol.asyncDispose]();
    return taken;
  }

  recall(instance: Instance): void {
    const held = this.held.get(instance.id);
    if (held === undefined) return;
    held.recalled = true;
    if (held.running === 0) void instance[Symbol.asyncDispose]();
  }

  reclaim(): boolean {
    const idle = [...this.held.values()].find(({ running, holding }) => running === 0 && holding.class === 'on-demand');
    void idle?.instance[Symbol.asyncDispose]();
    return idle !== undefined;
  }

  /** In steps so short that an instance which is being made gets ready before its connections are given up. */
  async pass(milliseconds: number): Promise<void> {
    for (let rest = milliseconds; rest > 0; rest -= STEP_MS) {
      this.clock.advance(Math.min(rest, STEP_MS));
      await settled();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.capacity[Symbol.asyncDispose]();
    await Promise.all([...this.held.values()].map(({ instance }) => instance[Symbol.asyncDispose]()));
    if (this.provider.agents.size > 0) throw new Error(`${this.provider.agents.size} instances are left`);
    await this.provider[Symbol.asyncDispose]();
  }
}
