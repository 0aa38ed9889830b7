import type { Purchase } from './purchase.ts';
import type { SubPool } from './sub-pool.ts';

/** A purchase and how it stands, as the operator sees it. Times are ISO 8601. */
export interface PurchaseView {
  id: string;
  account: string;
  class: Purchase['class'];
  amount: number;
  memoryMb: number;
  region: string;
  runtimes: Purchase['runtimes'];
  functions: Purchase['functions'];
  until: string | null;
  schedule: Purchase['schedule'];
  constraints: Purchase['constraints'];
  lendSeconds: number;
  createdAt: string;
  updatedAt: string;
  subPool: string;
  /** `short`: it should have more instances than it has. `closed`: it is to have none now. `ended`: its term is over. */
  state: 'ready' | 'short' | 'closed' | 'ended';
  /** Why it is closed or what could not be loaded; null where there is nothing to tell. */
  reason: string | null;
  instances: { target: number; ready: number; coming: number; inUse: number; lent: number };
  /** Executions at this moment. */
  running: number;
}

export function viewOf(purchase: Purchase, subPool: SubPool, now: number): PurchaseView {
  const { lendMs, until, createdAt, updatedAt, ...terms } = purchase;
  const { target, ready, coming, inUse, lent, closedBecause, problem, holding } = subPool;
  const ended = until !== null && until <= now;
  return {
    ...terms,
    until: until === null ? null : new Date(until).toISOString(),
    lendSeconds: lendMs / 1000,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
    subPool: subPool.id,
    state: ended ? 'ended' : closedBecause !== undefined ? 'closed' : ready.length + inUse < target ? 'short' : 'ready',
    reason: closedBecause ?? problem ?? null,
    instances: { target, ready: ready.length, coming, inUse, lent },
    running: holding.running,
  };
}

/** A sub-pool of the warming pool, as the operator sees it. */
export interface SubPoolView {
  id: string;
  /** Null where its instances belong to nobody yet. */
  account: string | null;
  /** Whether what it takes to use it is always the same, or depends on time, load and price (row D8). */
  constraints: 'fixed' | 'variable';
  state: 'open' | 'closed';
  /** Why it is closed. */
  reason: string | null;
  ready: number;
  coming: number;
  /** Null where what is used belongs to the sub-pool no more. */
  inUse: number | null;
}

export function subPoolView({ id, purchase, closedBecause, ready, coming, inUse }: SubPool): SubPoolView {
  return {
    id,
    account: purchase.account,
    constraints: purchase.class === 'variable' ? 'variable' : 'fixed',
    state: closedBecause === undefined ? 'open' : 'closed',
    reason: closedBecause ?? null,
    ready: ready.length,
    coming,
    inUse,
  };
}
