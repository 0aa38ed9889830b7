/** `placement`: how many decisions placement makes a second, and whether that depends on how many functions there are. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atLeast, type Benchmark, type Context, type Report } from './report.ts';
import { rotated } from './rounds.ts';
import { median } from './statistics.ts';

/** Of the server: makes a world in memory and times decisions in it. */
const PROGRAM = join(
  import.meta.dirname,
  '..',
  '..',
  'packages',
  'server',
  'src',
  'placement',
  'testing',
  'decision-benchmark.ts',
);
const INSTANCES = 10_000;
const KINDS = ['warm', 'code', 'room', 'warming'] as const;

interface World {
  functions: number;
  accounts: number;
}

/** What the program writes. */
interface Result extends World {
  instances: number;
  rounds: { perSecond: number; microseconds: Record<(typeof KINDS)[number], number> }[];
}

const WORLDS: readonly World[] = [
  { functions: 1_000, accounts: 100 },
  { functions: 10_000, accounts: 100 },
  { functions: 100_000, accounts: 100 },
  { functions: 1_000, accounts: 1 },
  { functions: 100_000, accounts: 1 },
];

export const placement: Benchmark = {
  name: 'placement',
  summary: `placement decisions a second, in memory, on ${INSTANCES} instances`,
  async run(context: Context): Promise<Report> {
    const runs = context.quick ? 1 : 5;
    const results: Result[] = [];
    for (let run = 0; run < runs; run++) {
      for (const world of rotated(WORLDS, run)) {
        context.progress(`run ${run + 1} of ${runs}: ${describe(world)}`);
        results.push(await decide(world, context.quick ? 20 : 100));
      }
    }
    return report(results);
  },
};

function describe({ functions, accounts }: World): string {
  return `${functions} functions of ${accounts === 1 ? 'one account' : `${accounts} accounts`}`;
}

/** Each run in a process of its own, so that no world inherits another's heap. */
async function decide({ functions, accounts }: World, rounds: number): Promise<Result> {
  const numbers = [functions, accounts, INSTANCES, rounds].map(String);
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...numbers], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as Result;
}

function report(results: readonly Result[]): Report {
  const of = ({ functions, accounts }: World): Result['rounds'] =>
    results
      .filter((result) => result.functions === functions && result.accounts === accounts)
      .flatMap(({ rounds }) => rounds);
  const rate = (world: World): number => median(of(world).map(({ perSecond }) => perSecond));
  const [few, , many, fewOfOne, manyOfOne] = WORLDS as [World, World, World, World, World];
  return {
    tables: [
      {
        title: `Decisions on ${INSTANCES} instances with 100,000 sandboxes, medians; microseconds each`,
        columns: ['functions', 'accounts', 'decisions/s', ...KINDS],
        rows: WORLDS.map((world) => [
          world.functions,
          world.accounts,
          rate(world),
          ...KINDS.map((kind) => median(of(world).map(({ microseconds }) => microseconds[kind]))),
        ]),
      },
    ],
    goals: [
      atLeast('placement: decisions a second, 100,000 functions', 200_000, rate(many)),
      atLeast('placement: 100,000 functions, x 1,000', 0.8, rate(many) / rate(few)),
      atLeast('placement: 100,000 functions of one account, x 1,000', 0.8, rate(manyOfOne) / rate(fewOfOne)),
    ],
    notes: [
      'The real placement on instances that exist in memory only; one thread. A decision is all that placement does for a request: it finds a sandbox, takes it back, freezes, measures and counts it; what was made for the request is ended and counted out. What agents and sandboxes do is not in it.',
      '80 % warm: an idle sandbox. 10 % code: a new one on an instance that has the code. 8 % room: a new one of a version that was nowhere before. 2 % warming: a new one on an instance from the warming pool.',
      'The n-th function is called in proportion to 1/n; 32 at a time. Of an account’s functions a tenth have no sandbox. With more functions fewer of their sandboxes lie in the processor’s caches: that is what is left of a difference.',
    ],
    rounds: results,
  };
}
