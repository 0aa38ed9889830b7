/** `keepalive`: cold starts and idle memory of each keep-alive policy over a trace of real calls. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atMost, type Benchmark, type Context, type Report } from './report.ts';

const root = join(import.meta.dirname, '..', '..');
/** Of the server: the simulator runs the server's own policies. */
const PROGRAM = join(root, 'packages/server/src/placement/keep-alive/simulation/compare.ts');
/** Where the trace is looked for, beside the project, unless `--trace` or HEARTH_TRACE says otherwise. */
const TRACE = join(root, '..', 'shared', 'traces');
const GB_HOUR = 1024 * 60 * 60 * 1000;
const GOAL = 0.6;

interface Run {
  policy: string;
  setting: string;
  cold: number;
  ahead?: number;
  idle: number;
}

/** What the program writes. */
interface Comparison {
  trace: string;
  functions: number;
  invocations: number;
  minutes: number;
  fixed: Run[];
  equal: Run[];
  oracle: Run;
  asSet: Run;
  checks: { what: string; ratio: number }[];
  seconds: number;
}

export const keepalive: Benchmark = {
  name: 'keepalive',
  summary: 'cold starts and idle memory of each keep-alive policy, over a trace (--trace PATH)',
  async run(context: Context): Promise<Report> {
    const trace = context.trace ?? process.env['HEARTH_TRACE'] ?? TRACE;
    context.progress(`each policy over ${trace}`);
    const mode = context.quick ? ['quick'] : [];
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, trace, ...mode], { maxBuffer: 2 ** 24 });
    return report(JSON.parse(stdout) as Comparison);
  },
};

function report(comparison: Comparison): Report {
  const { trace, functions, invocations, minutes, fixed, equal, oracle, asSet, checks, seconds } = comparison;
  const reference = fixed.find(({ setting }) => setting === '20 min')!;
  const row = ({ policy, setting, cold, ahead, idle }: Run): (string | number | null)[] => [
    policy,
    setting,
    cold,
    (100 * cold) / invocations,
    ahead ?? null,
    idle / GB_HOUR,
    idle / GB_HOUR / (minutes / 60),
    cold / reference.cold,
  ];
  const columns = ['', 'told', 'cold starts', '% of calls', 'made ahead', 'idle GB x h', 'idle GB', 'x fixed 20 min'];
  const best = equal.toSorted((a, b) => a.cold - b.cold)[0]!;
  const chosen = equal.find(({ policy }) => policy === asSet.policy)!;
  return {
    tables: [
      {
        title: `With at most the idle memory of fixed 20 min, over ${invocations} calls of ${functions} functions in ${minutes} minutes`,
        columns,
        rows: [reference, ...equal, oracle].map(row),
      },
      {
        title: 'Fixed times, and the default policy told to use the memory of 20 min',
        columns,
        rows: [...fixed, asSet].map(row),
      },
      ...(checks.length === 0
        ? []
        : [
            {
              title: `Cold starts of ${asSet.policy} beside fixed 20 min at its idle memory, with other calls and other functions`,
              columns: ['', 'x fixed 20 min'],
              rows: checks.map(({ what, ratio }) => [what, ratio]),
            },
          ]),
    ],
    goals: [
      atMost(
        `${asSet.policy}: cold starts at the idle memory of fixed 20 min, x fixed`,
        GOAL,
        chosen.cold / reference.cold,
      ),
      atMost(`default policy: cold starts, x the best policy's`, 1, chosen.cold / best.cold),
    ],
    notes: [
      'The policies are those of the server, on a clock that is moved. The first two thirds of the trace teach them and are not counted.',
      'Calls lie in their minute at random (seed 1), with run times drawn from the percentiles of the trace; how many run at once follows from that. The memory of an idle sandbox is that of the trace.',
      'What a policy is told is found by trying, so that it uses no more idle memory than fixed 20 min. The default policy settles on its own: the second table has it as it is set.',
      'The oracle knows all calls and keeps what costs least; it makes nothing ahead. A policy that does may have fewer cold starts.',
      `Trace ${trace}; the simulations took ${Math.round(seconds)} s.`,
    ],
    rounds: comparison,
  };
}
