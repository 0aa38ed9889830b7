/** `burst`: a hundred different functions, none of which has ever run, all called in the same moment. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './client.ts';
import { createFunctions, freshNames } from './functions.ts';
import { Hearth } from './hearth.ts';
import type { Target } from './load/target.ts';
import { startPeer } from './peers.ts';
import { atLeast, type Benchmark, type Context, type Report } from './report.ts';
import { distribution, median, type Distribution } from './statistics.ts';

const SIZE = 100;
const EVENT = JSON.stringify({ message: 'hello' });
/** Milliseconds between bursts, for spares to be made again. */
const REST = 3000;

/**
 * Instances of the scarce pool, and what each of them has room for: 14 functions of 128 MB beside the 192 MB that are its own. A burst
 * needs eight; four are warm, and no more are kept.
 */
const SCARCE = { instances: 4, maxWarmInstances: 4, instanceMemoryMb: 192 + 14 * 128, maxMemoryMb: 16 * 2048 };
/** How long the scarce pool is given to be full again: milliseconds. */
const REFILL_LIMIT = 60_000;

interface Round {
  answered: number;
  failures: string[];
  /** From the first request sent to the last answer. */
  wholeMs: number;
  latencyMs: Distribution;
  paths: Record<string, number>;
}

export const burst: Benchmark = {
  name: 'burst',
  summary: `${SIZE} different cold functions at once`,
  async run(context: Context): Promise<Report> {
    const count = context.quick ? 2 : 5;
    const rounds: Record<'hearth' | 'spawn', Round[]> = { hearth: [], spawn: [] };
    await using hearth = await Hearth.start({ command: context.hearth });
    await using spawn = await startPeer('spawn');
    context.progress(`creating ${count * SIZE} functions`);
    const names = freshNames('burst', count * SIZE + 1);
    await createFunctions(hearth.client(), names);
    using client = new Client(SIZE);
    // Makes the account's instance active, as it is in all rounds but the first.
    await client.echo(hearth.target(names.pop() ?? '', EVENT));
    for (let round = 0; round < count; round++) {
      context.progress(`round ${round + 1} of ${count}`);
      const functions = names.slice(round * SIZE, (round + 1) * SIZE).map((name) => hearth.target(name, EVENT));
      const processes = functions.map((): Target => ({
        name: 'spawn',
        url: `${spawn.url}/`,
        headers: {},
        body: EVENT,
      }));
      const order = [
        async (): Promise<void> =>
          void rounds.hearth.push(await fire(client, functions, `${hearth.url}/_hearth/health`)),
        async (): Promise<void> => void rounds.spawn.push(await fire(client, processes)),
      ];
      for (const shoot of round % 2 === 0 ? order : order.toReversed()) {
        await delay(REST);
        await shoot();
      }
    }
    const scarce: ScarceRound[] = [];
    for (let round = 0; round < (context.quick ? 1 : 3); round++) {
      context.progress(`pool too small by half, round ${round + 1}`);
      scarce.push(await onScarcePool(context));
    }
    return report(rounds, scarce);
  },
};

interface ScarceRound extends Round {
  /** Answers by the step of their instance: `warming`, `boot`, `active`. */
  steps: Record<string, number>;
  /** Milliseconds from the last answer until as many instances are warm as there should be. */
  refillMs: number;
}

/** A burst of an account that has no instance, on a pool that has warm ones for half of it. */
async function onScarcePool(context: Context): Promise<ScarceRound> {
  await using hearth = await Hearth.start({ command: context.hearth, settings: SCARCE });
  const names = freshNames('scarce', SIZE);
  await createFunctions(hearth.client(), names);
  await untilFull(hearth);
  using client = new Client(SIZE);
  const targets = names.map((name) => hearth.target(name, EVENT));
  const ids: string[] = [];
  const round = await fire(client, targets, `${hearth.url}/_hearth/health`, ids);
  const end = performance.now();
  await untilFull(hearth);
  const refillMs = performance.now() - end;
  const records = (await Promise.all(ids.map((id) => hearth.operator(`invocations/${id}`)))) as {
    instanceStep: string;
  }[];
  return { ...round, steps: tally(records.map(({ instanceStep }) => instanceStep)), refillMs };
}

async function untilFull(hearth: Hearth): Promise<void> {
  const end = performance.now() + REFILL_LIMIT;
  while (performance.now() < end) {
    const { warmingPool } = (await hearth.operator('fleet')) as FleetAnswer;
    if (warmingPool.general.configurations.every(({ target, ready }) => ready >= target)) return;
    await delay(50);
  }
  throw new Error(`the warming pool was not full again after ${REFILL_LIMIT / 1000} s`);
}

/** The part of the fleet's description that is read here. */
interface FleetAnswer {
  warmingPool: { general: { configurations: { target: number; ready: number }[] } };
}

/** @param warmUp - URL to open the connections with, so that their making isn't part of the burst
 * @param ids - takes the ids of the requests that were answered */
async function fire(client: Client, targets: Target[], warmUp?: string, ids: string[] = []): Promise<Round> {
  if (warmUp !== undefined) await Promise.all(targets.map(() => client.get(warmUp)));
  const start = performance.now();
  const results = await Promise.allSettled(targets.map((target) => client.echo(target)));
  const wholeMs = performance.now() - start;
  const answers = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  ids.push(...answers.map(({ requestId }) => requestId));
  return {
    answered: answers.length,
    failures: results.filter((result) => result.status === 'rejected').map(({ reason }) => String(reason)),
    wholeMs,
    latencyMs: distribution(answers.length === 0 ? [Number.NaN] : answers.map(({ ms }) => ms)),
    paths: tally(answers.map(({ startPath }) => startPath)),
  };
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function asText(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([word, times]) => `${times} ${word}`)
    .join(', ');
}

function report(rounds: Record<'hearth' | 'spawn', Round[]>, scarce: ScarceRound[]): Report {
  const rate = (list: readonly Round[]): number => median(list.map((round) => round.answered / (round.wholeMs / 1000)));
  const failures = rounds.hearth.flatMap((round) => round.failures);
  return {
    tables: [
      {
        title: `${SIZE} cold functions at once, medians of ${rounds.hearth.length} bursts; ms`,
        columns: ['', 'answered', 'sandboxes/s', 'p50', 'p99', 'max', 'paths of the last burst'],
        rows: Object.entries(rounds).map(([name, list]) => [
          name,
          `${list.reduce((sum, round) => sum + round.answered, 0)} of ${list.length * SIZE}`,
          rate(list),
          median(list.map(({ latencyMs }) => latencyMs.p50)),
          median(list.map(({ latencyMs }) => latencyMs.p99)),
          median(list.map(({ latencyMs }) => latencyMs.max)),
          asText(list.at(-1)?.paths ?? {}),
        ]),
      },
      {
        title: `The same on a pool too small by half, medians of ${scarce.length}; ms`,
        columns: ['', 'answered', 'last answer', 'p50', 'p99', 'pool full again', 'instances of the last burst'],
        rows: [
          [
            'hearth',
            `${scarce.reduce((sum, { answered }) => sum + answered, 0)} of ${scarce.length * SIZE}`,
            median(scarce.map(({ wholeMs }) => wholeMs)),
            median(scarce.map(({ latencyMs }) => latencyMs.p50)),
            median(scarce.map(({ latencyMs }) => latencyMs.p99)),
            median(scarce.map(({ refillMs }) => refillMs)),
            asText(scarce.at(-1)?.steps ?? {}),
          ],
        ],
      },
    ],
    goals: [
      atLeast('burst: answered', rounds.hearth.length * SIZE, rounds.hearth.length * SIZE - failures.length),
      atLeast('burst: sandboxes a second', 400, rate(rounds.hearth)),
      atLeast(
        'burst, pool too small by half: answered',
        scarce.length * SIZE,
        scarce.reduce((sum, { answered }) => sum + answered, 0),
      ),
    ],
    notes: [
      `All functions are of one account, MemorySize 128; the connections are open before; ${REST / 1000} s between bursts.`,
      'The client shares the cores with the server.',
      `The pool too small by half: ${SCARCE.instances} warm instances of ${SCARCE.instanceMemoryMb} MB, where the burst needs eight; a new server each time.`,
      ...failures.slice(0, 3),
      ...scarce.flatMap((round) => round.failures).slice(0, 3),
    ],
    rounds: { ...rounds, scarce },
  };
}
