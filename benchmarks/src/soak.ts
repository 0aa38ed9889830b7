/** `soak`: twenty minutes of a real day's load on 200 functions, while what runs them is killed. */
import { PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { chooseVictims, kill, Random, type Victim } from '@hearth/e2e/kills';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createFunctions } from './functions.ts';
import { Hearth } from './hearth.ts';
import { atLeast, atMost, type Benchmark, type Context, type Report } from './report.ts';
import { mostAtOnce, SoakCallers, soakCode } from './soak/callers.ts';
import { ACCOUNTS, planSoak, type SoakFunction } from './soak/plan.ts';
import { LOOK_MS, type Sample, SoakWatch } from './soak/watch.ts';
import { distribution, median } from './statistics.ts';

const MINUTES = { whole: 20, quick: 1 };
const SEED = 20_261_129;
/** Between two kills, on average. */
const KILL_MS = 8_000;
/** Of a hundred kills. */
const VICTIMS: readonly Victim[] = [
  ...Array.from({ length: 80 }, () => 'sandbox' as const),
  ...Array.from({ length: 10 }, () => 'zygote' as const),
  ...Array.from({ length: 10 }, () => 'agent' as const),
];
/** What a new instance takes to be there, on a busy machine. */
const SHORT_LIMIT_S = 60;
const TRACES = join(import.meta.dirname, '..', '..', '..', 'shared', 'traces');

export const soak: Benchmark = {
  name: 'soak',
  summary: '20 minutes of a trace with 200 functions, three accounts, all classes of capacity, and kills',
  async run(context: Context): Promise<Report> {
    const minutes = context.quick ? MINUTES.quick : MINUTES.whole;
    const functions = planSoak(process.env['HEARTH_TRACE'] ?? TRACES, minutes);
    await using hearth = await Hearth.start({ command: context.hearth });
    context.progress(`making ${functions.length} functions`);
    await makeFunctions(hearth, functions);
    await buyCapacity(hearth, functions);
    using callers = new SoakCallers(hearth);
    const watch = new SoakWatch(hearth);
    const random = new Random(SEED);
    const ended = new AbortController();
    const kills = new Map<Victim, number>();
    const background = [
      repeat(LOOK_MS, ended.signal, () => watch.look()),
      killing(hearth, random, kills, ended.signal),
    ];
    try {
      const calls: Promise<void>[] = [];
      for (let minute = 0; minute < minutes; minute++) {
        context.progress(`minute ${minute + 1} of ${minutes}`);
        calls.push(callers.minute(functions, minute, 60_000));
        await delay(60_000);
      }
      await Promise.all(calls);
    } finally {
      ended.abort();
      await Promise.all(background);
    }
    return report(functions, callers, watch, kills);
  },
};

async function makeFunctions(hearth: Hearth, functions: readonly SoakFunction[]): Promise<void> {
  for (const account of ACCOUNTS) {
    const client = hearth.client(account);
    for (const memoryMb of [128, 256]) {
      const names = functions
        .filter((one) => one.account === account && one.memoryMb === memoryMb)
        .map(({ name }) => name);
      await createFunctions(client, names, { MemorySize: memoryMb, Code: { ZipFile: soakCode } });
    }
    for (const { name, limit } of functions.filter((one) => one.account === account)) {
      if (limit === undefined) continue;
      await client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: limit }));
    }
  }
}

/** One account has an instance of its own, one a number of executions, one what the machine has to spare. */
async function buyCapacity(hearth: Hearth, functions: readonly SoakFunction[]): Promise<void> {
  const [dedicated, reserved, variable] = ACCOUNTS;
  const first = functions.find(({ account }) => account === dedicated);
  await hearth.operator('capacity', 'POST', {
    account: dedicated,
    class: 'dedicated',
    amount: 1,
    functions: [{ name: first!.name, sandboxes: 1 }],
  });
  await hearth.operator('capacity', 'POST', { account: reserved, class: 'reserved', amount: 8, memoryMb: 256 });
  await hearth.operator('capacity', 'POST', { account: variable, class: 'variable', amount: 1 });
}

async function repeat(everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function killing(hearth: Hearth, random: Random, kills: Map<Victim, number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(2 * KILL_MS * random.next(), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const victim = random.pick(VICTIMS)!;
    if (kill(chooseVictims(victim, hearth.pid, random))) kills.set(victim, (kills.get(victim) ?? 0) + 1);
  }
}

function report(
  functions: readonly SoakFunction[],
  callers: SoakCallers,
  watch: SoakWatch,
  kills: ReadonlyMap<Victim, number>,
): Report {
  const { fates, executions, added, paths, odd } = callers;
  const answered = Object.values(fates).reduce((sum, count) => sum + count, 0) - fates.unanswered;
  const byFunction = Map.groupBy(executions, ({ called }) => called);
  const overLimit = [...byFunction].filter(([{ limit }, all]) => limit !== undefined && mostAtOnce(all) > limit);
  const inSandbox = Map.groupBy(executions, ({ sandbox }) => sandbox);
  const twoInOne = [...inSandbox.values()].filter((all) => mostAtOnce(all) > 1);
  const growth = growthOf(watch.samples);
  const shortest = (kind: string): number => (watch.longestShort.get(kind) ?? 0) / 1000;
  return {
    tables: [
      {
        title: 'Calls',
        columns: Object.keys(fates),
        rows: [Object.values(fates)],
      },
      {
        title: 'Added to the run time of those that succeeded, ms; and how they started',
        columns: ['p50', 'p99', 'max', ...paths.keys()],
        rows: [[distribution(added).p50, distribution(added).p99, distribution(added).max, ...paths.values()]],
      },
      { title: 'Kills', columns: [...kills.keys()], rows: [[...kills.values()]] },
      {
        title: 'Memory, MB',
        columns: ['minute', 'server', 'all, private', 'instances', 'sandboxes'],
        rows: thinned(watch.samples).map(({ minute, serverMb, allMb, instances, sandboxes }) => [
          minute,
          serverMb,
          allMb,
          instances,
          sandboxes,
        ]),
      },
    ],
    goals: [
      atLeast('soak: calls that were answered, share', 1, answered / (answered + fates.unanswered)),
      atMost('soak: calls that the service refused', 0, fates.refused),
      atMost('soak: functions over their reserved concurrency', 0, overLimit.length),
      atMost('soak: sandboxes with two invocations at once', 0, twoInOne.length),
      atMost('soak: instances seen with two accounts', 0, watch.shared),
      atMost('soak: longest that dedicated capacity was short', SHORT_LIMIT_S, shortest('dedicated'), ' s'),
      atMost('soak: longest that reserved capacity was short', SHORT_LIMIT_S, shortest('reserved'), ' s'),
      atMost("soak: the server's memory, last quarter x second", 1.15, growth),
    ],
    notes: [
      `${functions.length} functions of ${ACCOUNTS.length} accounts follow a sample of the Azure Functions trace of 2019, at most 60 calls a minute each and 1.5 s a call; seed ${SEED}.`,
      '`died`: the sandbox was killed while it ran the call. `throttled`: 429, by a reserved concurrency.',
      ...odd,
    ],
    rounds: { samples: watch.samples, fates, kills: Object.fromEntries(kills) },
  };
}

/** Ten rows are enough for a reader. */
function thinned(samples: readonly Sample[]): Sample[] {
  const step = Math.max(1, Math.floor(samples.length / 10));
  return samples.filter((_, index) => index % step === 0);
}

/** How the server's memory in the last quarter compares with that of the second: the first is for warming up. */
function growthOf(samples: readonly Sample[]): number {
  const quarter = (index: number): number =>
    median(
      samples
        .slice(Math.floor((index * samples.length) / 4), Math.ceil(((index + 1) * samples.length) / 4))
        .map(({ serverMb }) => serverMb),
    );
  return quarter(3) / quarter(1);
}
