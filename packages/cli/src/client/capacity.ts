import type { Server } from './server.ts';

/** What the commands read of a purchase; docs/guides/capacity.md. Times are ISO 8601. */
export interface Purchase {
  id: string;
  account: string;
  class: 'dedicated' | 'reserved' | 'variable';
  amount: number;
  memoryMb: number;
  functions: { name: string; sandboxes: number }[];
  until: string | null;
  schedule: Schedule | null;
  constraints: { minFreeShare?: number; maxPrice?: number } | null;
  lendSeconds: number;
  subPool: string;
  state: 'ready' | 'short' | 'closed' | 'ended';
  reason: string | null;
  instances: { target: number; ready: number; coming: number; inUse: number; lent: number };
  running: number;
}

export interface Schedule {
  timeZone: string;
  windows: { days: string[]; from: string; to: string }[];
}

export interface AccountPolicy {
  account: string;
  policy: { kind: 'overflow' | 'deny' | 'wait' | 'grow'; waitMs?: number; maxInstances?: number };
}

export interface Capacity {
  purchases: Purchase[];
  policies: AccountPolicy[];
  subPools: { id: string; account: string | null; constraints: string; ready: number; coming: number }[];
}

/** Of one account, class and hour. */
export interface Usage {
  account: string;
  class: string;
  hour: string;
  heldGbHours: number;
  usedGbHours: number;
  invocations: number;
  cost: number;
}

/** What of a purchase can be said when it is made or changed; what isn't said stays as it is. */
export interface PurchaseTerms {
  account?: string;
  class?: string;
  amount?: number;
  memoryMb?: number;
  runtimes?: string[];
  functions?: { name: string; sandboxes: number }[];
  until?: string | null;
  schedule?: Schedule | null;
  constraints?: { minFreeShare?: number; maxPrice?: number };
  lendSeconds?: number;
}

const ROOT = '/_hearth/capacity';

/** Whose capacity is meant where nobody is named. */
export type Owner = Record<string, string | undefined>;

export function getCapacity(server: Server): Promise<Capacity> {
  return server.json('GET', ROOT);
}

export function getPurchase(server: Server, id: string): Promise<Purchase> {
  return server.json('GET', `${ROOT}/${encodeURIComponent(id)}`);
}

export function buy(server: Server, body: PurchaseTerms, query: Owner): Promise<Purchase> {
  return server.json('POST', ROOT, { body, query });
}

export function change(server: Server, id: string, body: PurchaseTerms): Promise<Purchase> {
  return server.json('PATCH', `${ROOT}/${encodeURIComponent(id)}`, { body });
}

export async function release(server: Server, id: string): Promise<void> {
  await server.request('DELETE', `${ROOT}/${encodeURIComponent(id)}`);
}

export function setPolicy(server: Server, account: string, body: object): Promise<AccountPolicy> {
  return server.json('PUT', `${ROOT}/policies/${encodeURIComponent(account)}`, { body });
}

export async function usage(server: Server, query: Owner): Promise<Usage[]> {
  return (await server.json<{ usage: Usage[] }>('GET', `${ROOT}/usage`, { query })).usage;
}
