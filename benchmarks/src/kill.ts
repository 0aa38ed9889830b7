/** `kill`: a thousand of a server's processes are killed at random moments while it serves. */
import { killUnderLoad, type Kill, type KillReport } from '@hearth/e2e/kills';
import { atLeast, atMost, type Benchmark, type Context, type Report } from './report.ts';
import { distribution } from './statistics.ts';

const KILLS = { whole: 1000, quick: 50 };
const SEED = 20_261_126;

export const kill: Benchmark = {
  name: 'kill',
  summary: `${KILLS.whole} kills of random processes under load`,
  async run(context: Context): Promise<Report> {
    const kills = context.quick ? KILLS.quick : KILLS.whole;
    const seed = context.quick ? Math.floor(Math.random() * 2 ** 32) : SEED;
    const result = await killUnderLoad({ kills, seed, command: context.hearth, progress: context.progress });
    return report(result, kills, seed);
  },
};

function report(result: KillReport, kills: number, seed: number): Report {
  const { fates, unexplained, wronged, working, functions, left, faults, refusals } = result;
  const victims = [...new Set(result.kills.map(({ victim }) => victim))];
  const things = Object.values(left).flat();
  return {
    tables: [
      {
        title:
          'By what was killed: callers that were waiting, and how they were answered; ms until all functions work again',
        columns: ['', 'kills', 'waiting', 'answered', 'failed', 'refused', 'reset', 'p50', 'p99', 'max'],
        rows: victims.map((victim) =>
          row(
            victim,
            result.kills.filter((each) => each.victim === victim),
          ),
        ),
      },
    ],
    goals: [
      atLeast('kill: kills', kills, result.kills.length),
      atMost('kill: callers without an answer while the server lived', 0, unexplained.length + wronged.length),
      atMost('kill: things left behind', 0, things.length),
      atLeast('kill: functions that work afterwards', functions, working),
      atMost('kill: faults of the server', 0, faults.length),
    ],
    notes: [
      `Seed ${seed}. ${functions} functions of 3 accounts, two callers each; up to 250 ms between kills, half of which are made good before the next.`,
      "`failed`: the function's answer is an error (its process ended). `refused`: an error of the service, 429 or 5xx. `reset`: the connection ended, as it must where the server itself ended.",
      `All requests of the run: ${Object.entries(fates)
        .map(([fate, count]) => `${count} ${fate}`)
        .join(', ')}.`,
      ...Object.entries(refusals).map(([text, count]) => `${count} x ${text.slice(0, 200)}`),
      ...[...unexplained, ...wronged, ...things, ...faults].slice(0, 10),
    ],
    rounds: result,
  };
}

function row(victim: string, kills: readonly Kill[]): (string | number)[] {
  const sum = (fate: keyof Kill['waiting']): number => kills.reduce((total, { waiting }) => total + waiting[fate], 0);
  const { p50, p99, max } = distribution(kills.map(({ recoveryMs }) => recoveryMs));
  const waiting = sum('answered') + sum('failed') + sum('refused') + sum('reset') + sum('wronged');
  return [victim, kills.length, waiting, sum('answered'), sum('failed'), sum('refused'), sum('reset'), p50, p99, max];
}
