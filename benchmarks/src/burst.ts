/** `burst`: a hundred different functions, none of which has ever run, all called in the same moment. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Answer } from './client.ts';
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
    return report(rounds);
  },
};

/** @param warmUp - URL to open the connections with, so that their making isn't part of the burst */
async function fire(client: Client, targets: Target[], warmUp?: string): Promise<Round> {
  if (warmUp !== undefined) await Promise.all(targets.map(() => client.get(warmUp)));
  const start = performance.now();
  const results = await Promise.allSettled(targets.map((target) => client.echo(target)));
  const wholeMs = performance.now() - start;
  const answers = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  return {
    answered: answers.length,
    failures: results.filter((result) => result.status === 'rejected').map(({ reason }) => String(reason)),
    wholeMs,
    latencyMs: distribution(answers.length === 0 ? [Number.NaN] : answers.map(({ ms }) => ms)),
    paths: countPaths(answers),
  };
}

function countPaths(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { startPath } of answers) counts[startPath] = (counts[startPath] ?? 0) + 1;
  return counts;
}

function report(rounds: Record<'hearth' | 'spawn', Round[]>): Report {
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
          Object.entries(list.at(-1)?.paths ?? {})
            .map(([path, count]) => `${count} ${path}`)
            .join(', '),
        ]),
      },
    ],
    goals: [
      atLeast('burst: answered', rounds.hearth.length * SIZE, rounds.hearth.length * SIZE - failures.length),
      atLeast('burst: sandboxes a second', 400, rate(rounds.hearth)),
    ],
    notes: [
      `All functions are of one account, MemorySize 128; the connections are open before; ${REST / 1000} s between bursts.`,
      'The client shares the cores with the server.',
      ...failures.slice(0, 3),
    ],
    rounds,
  };
}
