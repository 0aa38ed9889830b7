import { setTimeout as sleep } from 'node:timers/promises';
import * as client from '../client/capacity.ts';
import type { AccountPolicy, Owner, Purchase, Usage } from '../client/capacity.ts';
import { Server } from '../client/server.ts';
import { CliError } from '../cli-error.ts';
import { formatAge, parseDuration } from '../output/amounts.ts';
import { withProgress } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { formatSchedule, termsOf } from './capacity-terms.ts';
import type { TermOptions } from './capacity-terms.ts';

interface Output {
  json?: boolean;
}

export interface BuyOptions extends TermOptions, Output {
  account?: string;
  /** Whether to wait until it is ready. */
  wait?: boolean;
}

export interface PolicyOptions extends Output {
  wait?: string;
  max?: number;
}

/** Between two looks at what is being made. */
const LOOK_EVERY_MS = 200;
/** An instance takes about a second; one whose functions have 250 MB of layers some more. */
const READY_WITHIN_MS = 60_000;

export async function list(options: Output): Promise<void> {
  const capacity = await client.getCapacity(new Server());
  answer(options, capacity, listText(capacity.purchases, capacity.policies, Date.now()));
}

/** Buys capacity and waits until it is ready. */
export async function buy(kind: string, options: BuyOptions): Promise<void> {
  const server = new Server();
  const { account } = options;
  const terms = { class: kind, ...(account !== undefined && { account }), ...termsOf(options, Date.now()) };
  const purchase = await settle(server, await client.buy(server, terms, ownerOf(process.env)), options);
  answer(options, purchase, `Bought ${purchase.id}: ${inWords(purchase)}.\n${standing(purchase)}`);
}

export async function change(id: string, options: BuyOptions): Promise<void> {
  const terms = termsOf(options, Date.now());
  if (Object.keys(terms).length === 0) {
    throw new CliError('Nothing is to be changed.', {
      hint: 'Say what:  hearth capacity change --help  lists the options.',
    });
  }
  const server = new Server();
  const purchase = await settle(server, await client.change(server, id, terms), options);
  answer(options, purchase, `Changed ${id}: ${inWords(purchase)}.\n${standing(purchase)}`);
}

export async function release(ids: string[], options: Output): Promise<void> {
  const server = new Server();
  for (const id of ids) await client.release(server, id);
  answer(options, { released: ids }, ids.map((id) => `Released ${id}; what runs there may finish.\n`).join(''));
}

/** Chooses what becomes of an account's requests when what it has bought is used up. */
export async function policy(account: string, kind: string, options: PolicyOptions): Promise<void> {
  const body = {
    policy: kind,
    ...(options.wait !== undefined && { waitSeconds: Math.round(parseDuration(options.wait) / 1000) }),
    ...(options.max !== undefined && { maxInstances: options.max }),
  };
  const set = await client.setPolicy(new Server(), account, body);
  answer(options, set, `Account ${account}: ${policyText(set.policy)}.\n`);
}

export async function usage(options: Output & { account?: string; since?: string }): Promise<void> {
  const { account, since = '24h' } = options;
  const from = new Date(Date.now() - parseDuration(since)).toISOString();
  const rows = await client.usage(new Server(), { account, from });
  answer(options, rows, usageText(rows, since));
}

/** Looks again until everything is there that can be; a person who doesn't want to wait gets it as it is. */
async function settle(server: Server, bought: Purchase, options: BuyOptions): Promise<Purchase> {
  if (options.wait === false) return bought;
  const ready = async (): Promise<Purchase> => {
    let purchase = bought;
    const end = performance.now() + READY_WITHIN_MS;
    while (purchase.state === 'short' && performance.now() < end) {
      await sleep(LOOK_EVERY_MS);
      purchase = await client.getPurchase(server, bought.id);
    }
    return purchase;
  };
  return withProgress('Making it ready', ready());
}

/** Whose capacity it is where the person doesn't say. */
function ownerOf(env: NodeJS.ProcessEnv): Owner {
  const keyId = env['AWS_ACCESS_KEY_ID'];
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  return keyId !== undefined && /^\d{12}$/.test(keyId) ? { account: keyId, region } : { accessKeyId: keyId, region };
}

function inWords({ class: kind, amount, memoryMb, account }: Purchase): string {
  const unit = `${kind === 'reserved' ? 'execution' : 'instance'}${amount === 1 ? '' : 's'}`;
  const what = `${amount} ${unit} of ${memoryMb} MB`;
  return `${kind}, ${what}, for account ${account}`;
}

function standing({ state, instances, reason }: Purchase): string {
  const { ready, inUse, target } = instances;
  const why = reason === null ? '' : ` (${reason})`;
  if (state === 'closed' || state === 'ended') return `It has none at this moment: ${reason}.\n`;
  return `${ready + inUse} of ${target} instances are there${why}.\n`;
}

function listText(purchases: Purchase[], policies: AccountPolicy[], now: number): string {
  if (purchases.length === 0) return 'Nothing is bought. Buy some:  hearth capacity buy dedicated --amount 1\n';
  const rows = purchases.map(
    ({ id, account, class: kind, amount, memoryMb, instances, running, until, schedule, state }) => [
      id,
      account,
      kind,
      amount,
      memoryMb,
      state,
      `${instances.ready}/${instances.target}`,
      instances.inUse,
      running,
      until === null ? '-' : `in ${formatAge(Date.parse(until) - now)}`,
      formatSchedule(schedule),
    ],
  );
  const head = [
    'PURCHASE',
    'ACCOUNT',
    'CLASS',
    '>AMOUNT',
    '>MB',
    'STATE',
    '>READY',
    '>IN USE',
    '>RUNNING',
    'ENDS',
    'WHEN',
  ];
  const notes = purchases.flatMap(({ id, reason }) => (reason === null ? [] : [`${id}: ${reason}`]));
  const chosen = new Map(policies.map(({ account, policy: choice }) => [account, choice]));
  const accounts = [...new Set(purchases.map(({ account }) => account))];
  const choices = accounts.map((account) => [account, policyText(chosen.get(account) ?? { kind: 'overflow' })]);
  const parts = [table(head, rows), table(['ACCOUNT', 'WHEN IT IS USED UP'], choices)];
  if (notes.length > 0) parts.splice(1, 0, `${notes.join('\n')}\n`);
  return parts.join('\n');
}

function policyText({ kind, waitMs = 0, maxInstances }: AccountPolicy['policy']): string {
  switch (kind) {
    case 'overflow':
      return 'overflow: requests go on with what there is on demand';
    case 'deny':
      return 'deny: requests are throttled';
    case 'wait':
      return `wait: requests wait for at most ${waitMs / 1000} s`;
    case 'grow':
      return `grow: to at most ${maxInstances} instances, for which requests wait up to ${waitMs / 1000} s`;
  }
}

function usageText(rows: Usage[], since: string): string {
  if (rows.length === 0) return `Nothing was used in the last ${since}.\n`;
  const sums = new Map<string, Usage>();
  for (const row of rows) {
    const key = `${row.account} ${row.class}`;
    const sum = sums.get(key) ?? { ...row, heldGbHours: 0, usedGbHours: 0, invocations: 0, cost: 0 };
    sum.heldGbHours += row.heldGbHours;
    sum.usedGbHours += row.usedGbHours;
    sum.invocations += row.invocations;
    sum.cost += row.cost;
    sums.set(key, sum);
  }
  const lines = [...sums.values()].map((sum) => [
    sum.account,
    sum.class,
    sum.heldGbHours.toFixed(4),
    sum.usedGbHours.toFixed(4),
    sum.invocations,
    sum.cost.toFixed(4),
  ]);
  return table(['ACCOUNT', 'CLASS', '>HELD GB-H', '>USED GB-H', '>INVOCATIONS', '>COST'], lines);
}

function answer(options: Output, value: unknown, text: string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value)}\n` : text);
}
