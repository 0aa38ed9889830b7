/** The fleet as people and metrics see it. */
import type { InstanceState, SandboxState } from '@hearth/protocol';
import type { Capacity } from '../capacity/capacity.ts';
import type { GeneralPoolView } from '../capacity/view.ts';
import type { Clock } from '../instances/clock.ts';
import type { Instance } from '../instances/provider.ts';
import type { ManagedInstance } from '../placement/managed-instance.ts';
import type { Sandbox } from '../placement/sandbox.ts';

export interface SandboxView {
  id: string;
  function: string;
  version: string;
  state: SandboxState;
  /** Bytes, as last measured. */
  memoryUsed: number;
  /** Why it is kept, whether it is used or not; null where it isn't. */
  keptFor: string | null;
  /** ISO 8601; null before the first invocation has ended. */
  lastUsed: string | null;
  /** Of an idle one: until when it is kept unless it is needed, ISO 8601, and why; null of others, and for a moment after a call. */
  keptUntil: string | null;
  keptWhy: string | null;
}

export interface InstanceView {
  id: string;
  provider: string;
  pool: 'warming' | 'active';
  subPool: string;
  account: string | null;
  /** Bytes. */
  memory: { total: number; committed: number; used: number };
  state: InstanceState;
  /** What it was made warm for; null where it is not in the warming pool. */
  configuration: string | null;
  sandboxes: SandboxView[];
}

export interface FleetView {
  instances: InstanceView[];
  warmingPool: { general: GeneralPoolView };
}

/** How many of what there are. */
export interface FleetCounts {
  booting: number;
  sandboxes: Partial<Record<SandboxState, number>>;
  instances: { pool: string; state: InstanceState; count: number }[];
}

export interface FleetStats extends FleetCounts {
  inFlight: number;
  waiting: number;
  /** Deferrable invocations that wait for a cheaper time. */
  deferred: number;
  throttled: number;
  evicted: number;
  madeAhead: number;
}

const MB = 1024 * 1024;

/** What `GET /_hearth/fleet` shows: the instances in use, then those that wait in sub-pools. */
export function viewOf(active: readonly ManagedInstance[], capacity: Capacity, clock: Clock): FleetView {
  const date = (at: number): string => new Date(clock.wallTime() - (clock.now() - at)).toISOString();
  const bought = [...capacity.bought.subPools].flatMap(({ id, ready }) =>
    ready.map((instance) => waitingView(instance, id, null)),
  );
  const warm = Array.from(capacity.warm(), ({ instance, configuration }) =>
    waitingView(instance, 'general', configuration.name),
  );
  return {
    instances: [...active.map((instance) => activeView(instance, date)), ...bought, ...warm],
    warmingPool: { general: capacity.view() },
  };
}

/** Numbers for metrics. */
export function countsOf(active: readonly ManagedInstance[], capacity: Capacity): FleetCounts {
  const sandboxes: FleetCounts['sandboxes'] = {};
  const states = new Map<InstanceState, number>();
  for (const instance of active) {
    states.set(instance.state, (states.get(instance.state) ?? 0) + 1);
    for (const { state } of instance.sandboxes.values()) sandboxes[state] = (sandboxes[state] ?? 0) + 1;
  }
  const bought = new Map<string, number>();
  for (const { purchase, ready } of capacity.bought.subPools) {
    bought.set(purchase.class, (bought.get(purchase.class) ?? 0) + ready.length);
  }
  return {
    booting: capacity.booting,
    sandboxes,
    instances: [
      { pool: 'general', state: 'warm', count: capacity.warmCount },
      { pool: 'general', state: 'provisioning', count: capacity.booting },
      ...[...bought].map(([pool, count]) => ({ pool, state: 'warm' as const, count })),
      ...[...states].map(([state, count]) => ({ pool: 'active', state, count })),
    ],
  };
}

function activeView(managed: ManagedInstance, date: (at: number) => string): InstanceView {
  const { instance, holding } = managed;
  const sandboxes = [...managed.sandboxes.values()];
  return {
    id: managed.id,
    provider: instance.provider,
    // What was bought waits in its sub-pool until something has run on it, also where sandboxes were made ahead.
    pool: holding.isBought && managed.isUnused ? 'warming' : 'active',
    subPool: holding.subPool,
    account: managed.account,
    memory: {
      total: instance.memoryMb * MB,
      committed: managed.committedMb * MB,
      used: sandboxes.reduce((sum, { usedMb }) => sum + usedMb, 0) * MB,
    },
    state: managed.state,
    configuration: null,
    sandboxes: sandboxes.map((sandbox) => sandboxView(sandbox, date)),
  };
}

function sandboxView(sandbox: Sandbox, date: (at: number) => string): SandboxView {
  const rests = sandbox.restsSince >= 0;
  return {
    id: sandbox.id,
    function: sandbox.spec.functionName,
    version: sandbox.spec.version,
    state: sandbox.state,
    memoryUsed: sandbox.usedMb * MB,
    keptFor: sandbox.keeper?.name ?? null,
    lastUsed: sandbox.lastUsedAt === 0 ? null : date(sandbox.lastUsedAt),
    keptUntil: rests ? date(sandbox.dueAt) : null,
    keptWhy: rests ? sandbox.keepWhy : null,
  };
}

/** One that nothing has run on. */
function waitingView(instance: Instance, subPool: string, configuration: string | null): InstanceView {
  return {
    id: instance.id,
    provider: instance.provider,
    pool: 'warming',
    subPool,
    account: instance.account ?? null,
    memory: { total: instance.memoryMb * MB, committed: 0, used: 0 },
    state: 'warm',
    configuration,
    sandboxes: [],
  };
}
