/** `fidelity`: code in a sandbox beside the same code in an ordinary Node process with the same limits, once it is warm. */
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from './client.ts';
import { createFunctions, freshNames } from './functions.ts';
import { Hearth, type FunctionSettings } from './hearth.ts';
import { OrdinaryNode } from './ordinary.ts';
import { atMost, type Benchmark, type Context, type Goal, type Report, type Table } from './report.ts';
import { rotated } from './rounds.ts';
import { median } from './statistics.ts';
import { filesOf, KINDS, unpack } from './workloads.ts';
import { zipFiles } from './zip.ts';

/** Most that SPECIFICATION.md allows: time in a sandbox, x the time in an ordinary process. */
const LIMIT = 1.1;
/** AWS's number: this much MemorySize gives one processor. */
const MB_PER_PROCESSOR = 1769;

/** Rounds, and the processor time in ms that warms a subject up and that each round takes. */
interface Plan {
  memorySizes: number[];
  rounds: number;
  warmUp: number;
  round: number;
}

const FULL: Plan = { memorySizes: [128, 1769, 3538], rounds: 11, warmUp: 1500, round: 120 };
const QUICK: Plan = { memorySizes: [1769], rounds: 5, warmUp: 600, round: 60 };
/** A small function has a small share of a processor: a fifth of the work takes it three times as long. */
const SMALL_SHARE = 1 / 3;

/** What the function answers: milliseconds for one unit of work. */
interface Measured {
  wallMs: number;
  cpuMs: number;
}

interface Subject {
  invoke(times: number): Promise<Measured>;
  rounds: Measured[];
}

interface Comparison {
  workload: string;
  memoryMb: number;
  /** Start path of the function as it is, and why it took that. */
  path: string;
  reason: string;
  hearth: Measured[];
  exec: Measured[];
  ordinary: Measured[];
}

export const fidelity: Benchmark = {
  name: 'fidelity',
  summary: 'warm code in a sandbox, against the same code in an ordinary Node process',
  async run(context: Context): Promise<Report> {
    const plan = context.quick ? QUICK : FULL;
    await using hearth = await Hearth.start({ command: context.hearth });
    using client = new Client(3);
    const comparisons: Comparison[] = [];
    for (const memoryMb of plan.memorySizes) {
      for (const workload of Object.values(KINDS).flat()) {
        context.progress(`${memoryMb} MB: ${workload}`);
        comparisons.push(await compare({ hearth, client, plan, workload, memoryMb }));
      }
    }
    return report(comparisons, plan);
  },
};

interface Setting {
  hearth: Hearth;
  client: Client;
  plan: Plan;
  workload: string;
  memoryMb: number;
}

async function compare({ hearth, client, plan, workload, memoryMb }: Setting): Promise<Comparison> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await mkdtempDisposable(join(tmpdir(), 'hearth-bench-')));
  const files = filesOf(workload);
  const peer = resources.use(await OrdinaryNode.start(process.execPath, await unpack(files, directory.path), memoryMb));

  const settings: FunctionSettings = { MemorySize: memoryMb, Timeout: 60, Code: { ZipFile: zipFiles(files) } };
  const [plain = '', anew = ''] = freshNames('fidelity', 2);
  await createFunctions(hearth.client(), [plain], settings);
  // Node reads this when it starts, so a fork won't do.
  const Environment = { Variables: { NODE_OPTIONS: '--no-deprecation' } };
  await createFunctions(hearth.client(), [anew], { ...settings, Environment });

  const invoke = async (name: string, times: number): Promise<Measured> =>
    measured((await invokeFunction(hearth, client, name, times)).body);
  const first = await invokeFunction(hearth, client, plain, 1);
  const { startPath, reason } = (await hearth.operator(`invocations/${first.requestId}`)) as InvocationRecord;

  const subjects: Record<'hearth' | 'exec' | 'ordinary', Subject> = {
    hearth: { invoke: (times) => invoke(plain, times), rounds: [] },
    exec: { invoke: (times) => invoke(anew, times), rounds: [] },
    ordinary: { invoke: async (times) => (await peer.invoke({ times })) as Measured, rounds: [] },
  };
  const all = Object.values(subjects);
  const share = memoryMb < MB_PER_PROCESSOR ? SMALL_SHARE : 1;
  // All at once: where each has a small share of a processor, they don't hold each other up.
  const unit = await Promise.all(all.map((subject) => warmUp(subject, plan.warmUp * share)));
  const times = Math.max(1, Math.round((plan.round * share) / median(unit)));
  for (let round = 0; round < plan.rounds; round++) {
    for (const subject of rotated(all, round)) subject.rounds.push(await subject.invoke(times));
  }
  return {
    workload,
    memoryMb,
    path: startPath,
    reason,
    hearth: subjects.hearth.rounds,
    exec: subjects.exec.rounds,
    ordinary: subjects.ordinary.rounds,
  };
}

/** The part of an invocation's record that is read here. */
interface InvocationRecord {
  startPath: string;
  reason: string;
}

async function invokeFunction(
  hearth: Hearth,
  client: Client,
  name: string,
  times: number,
): Promise<{ body: string; requestId: string }> {
  const answer = await client.invoke(hearth.target(name, JSON.stringify({ times })));
  if (answer.status !== 200 || !answer.body.includes('wallMs')) {
    throw new Error(`${name} answered ${answer.status} ${answer.body.slice(0, 500)}`);
  }
  return answer;
}

function measured(body: string): Measured {
  return JSON.parse(body) as Measured;
}

/** Works until V8 has had the time to optimise what is hot. @returns milliseconds of processor time that a unit took at last. */
async function warmUp(subject: Subject, cpuMs: number): Promise<number> {
  let unit = 1;
  for (let spent = 0; spent < cpuMs; spent += unit) {
    // Of work that mostly waits, the time by the clock counts.
    const { cpuMs: cpu, wallMs: wall } = await subject.invoke(1);
    unit = Math.max(cpu, Math.min(wall, cpu * 3), 0.05);
  }
  return unit;
}

/** How many times as long as in the ordinary process it took: the median of the rounds' ratios. */
function ratio(mine: readonly Measured[], ordinary: readonly Measured[], key: keyof Measured): number {
  return median(mine.map((each, round) => each[key] / (ordinary[round]?.[key] ?? Number.NaN)));
}

function report(comparisons: Comparison[], plan: Plan): Report {
  const goals: Goal[] = [];
  for (const [kind, workloads] of Object.entries(KINDS)) {
    for (const memoryMb of plan.memorySizes) {
      const ratios = comparisons
        .filter((each) => each.memoryMb === memoryMb && workloads.includes(each.workload))
        .map(({ hearth, ordinary }) => ratio(hearth, ordinary, 'wallMs'));
      goals.push(atMost(`${kind}, ${memoryMb} MB: x ordinary Node`, LIMIT, Math.max(...ratios)));
    }
  }
  return {
    tables: plan.memorySizes.map((memoryMb) => table(comparisons, memoryMb)),
    goals,
    notes: [
      'The function measures itself: ms for one unit of work, and how many times as long that took as in an ordinary Node process.',
      'The ordinary process is the same binary with its own defaults, in a control group with the memory limit and the share of processors ' +
        'of the function, and is stopped between invocations as a sandbox is frozen.',
      'Warm code only: what the first invocations take longer, because nothing is optimised yet, is not fidelity.',
      `Medians of ${plan.rounds} rounds of ratios within a round, the order of subjects rotated. A goal is for the worst workload of its kind.`,
      '"by exec": the same function with its runtime started anew instead of forked, which has the heap sizes of a fork and V8\'s threads.',
    ],
    rounds: comparisons,
  };
}

function table(comparisons: readonly Comparison[], memoryMb: number): Table {
  return {
    title: `Code in a sandbox of ${memoryMb} MB, x the same code in an ordinary Node process`,
    columns: ['', 'path', 'ordinary ms', 'time', 'processor time', 'by exec: time', 'processor time'],
    rows: comparisons
      .filter((each) => each.memoryMb === memoryMb)
      .map(({ workload, path, hearth, exec, ordinary }) => [
        workload,
        path,
        median(ordinary.map(({ wallMs }) => wallMs)),
        ratio(hearth, ordinary, 'wallMs'),
        ratio(hearth, ordinary, 'cpuMs'),
        ratio(exec, ordinary, 'wallMs'),
        ratio(exec, ordinary, 'cpuMs'),
      ]),
  };
}
