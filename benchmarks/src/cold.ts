/** `cold`: the first invocation of a function that has never run, by start path, against a new Node process. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './client.ts';
import { createFunctions, freshNames } from './functions.ts';
import { ACCOUNT, Hearth, type FunctionSettings } from './hearth.ts';
import { startPeer } from './peers.ts';
import { atLeast, atMost, type Benchmark, type Context, type Goal, type Report } from './report.ts';
import { rotated } from './rounds.ts';
import { distribution, median } from './statistics.ts';

const EVENT = JSON.stringify({ message: 'hello' });
/** Pause before each cold start, milliseconds: time enough for the next spare, as between arrivals in real life. */
const PAUSE = 40;
/** Warm calls after each cold start that it is compared with. */
const WARM_CALLS = 5;

type Step = 'warming' | 'active' | 'boot';

interface Variant {
  name: string;
  /** Start path that the variant is meant to take; others are counted apart. */
  path: 'spare' | 'fork' | 'exec';
  /** `warming`: each function belongs to a new account, so its instance comes from the warming pool; `boot`: which keeps none. */
  step: Step;
  env: Record<string, string>;
  settings: FunctionSettings;
}

interface Sample {
  path: string;
  step: string;
  coldMs: number;
  warmMs: number;
  /** `times` of the invocation's record: milliseconds since it was received. */
  times: Record<string, number>;
  /** What making its instance took, by the record; null where it was there. */
  bootMs: number | null;
}

const EXEC: FunctionSettings = { Environment: { Variables: { NODE_OPTIONS: '--no-deprecation' } } };
const FORKS = { HEARTH_SPARES: '0' };
const VARIANTS: Variant[] = (['active', 'warming'] as const).flatMap((step): Variant[] => [
  { name: `spare, ${step}`, path: 'spare', step, env: {}, settings: {} },
  { name: `fork, ${step}`, path: 'fork', step, env: FORKS, settings: {} },
  { name: `exec, ${step}`, path: 'exec', step, env: {}, settings: EXEC },
]);
/** What it costs where nothing is warm: no goal but that the record says so. */
const BOOT: Variant = { name: 'boot', path: 'spare', step: 'boot', env: {}, settings: {} };

/** Most that SPECIFICATION.md allows: added milliseconds, and as a share of `spawn`. */
const LIMITS = { spare: [2, 0.1], fork: [4, 0.2], exec: [40, 2] } as const;

export const cold: Benchmark = {
  name: 'cold',
  summary: 'first invocation of a function, by start path',
  async run(context: Context): Promise<Report> {
    const rounds = context.quick ? 1 : 3;
    const counts = context.quick ? { active: 40, warming: 4, boot: 3 } : { active: 60, warming: 6, boot: 6 };
    const samples = new Map<Variant, Sample[]>([...VARIANTS, BOOT].map((variant) => [variant, []]));
    const spawned: number[] = [];
    for (let round = 0; round < rounds; round++) {
      spawned.push(...(await measureSpawn(context.quick ? 20 : 40)));
      for (const variant of rotated([...VARIANTS, BOOT], round)) {
        context.progress(`round ${round + 1} of ${rounds}: ${variant.name}`);
        samples.get(variant)?.push(...(await measure(context, variant, counts[variant.step])));
      }
    }
    return report(samples, spawned);
  },
};

async function measureSpawn(count: number): Promise<number[]> {
  await using peer = await startPeer('spawn');
  using client = new Client(1);
  const target = { name: 'spawn', url: `${peer.url}/`, headers: {}, body: EVENT };
  const times: number[] = [];
  for (let index = 0; index < count; index++) times.push((await client.echo(target)).ms);
  return times;
}

async function measure(context: Context, variant: Variant, count: number): Promise<Sample[]> {
  const instances: Record<string, number> = variant.step === 'boot' ? { instances: 0, maxWarmInstances: 0 } : {};
  await using hearth = await Hearth.start({ command: context.hearth, env: variant.env, settings: instances });
  using client = new Client(1);
  const names = freshNames('cold', count + 1);
  const accountOf = (index: number): string => (variant.step === 'active' ? ACCOUNT : String(100_000_000_000 + index));
  if (variant.step === 'active') await createFunctions(hearth.client(), names, variant.settings);
  else
    for (const [index, name] of names.entries())
      await createFunctions(hearth.client(accountOf(index)), [name], variant.settings);

  const samples: Sample[] = [];
  for (const [index, name] of names.entries()) {
    if (variant.step === 'warming') await warmInstance(hearth);
    await delay(PAUSE);
    const target = hearth.target(name, EVENT, accountOf(index));
    const first = await client.echo(target);
    const warm: number[] = [];
    for (let call = 0; call < WARM_CALLS; call++) warm.push((await client.echo(target)).ms);
    // The first of all made the server compile its own path, and the account's instance active.
    if (index === 0) continue;
    const record = (await hearth.operator(`invocations/${first.requestId}`)) as InvocationRecord;
    const { startPath, instanceStep, times, costs } = record;
    const bootMs = costs.boot ?? null;
    samples.push({ path: startPath, step: instanceStep, coldMs: first.ms, warmMs: median(warm), times, bootMs });
  }
  return samples;
}

/** The part of an invocation's record that is read here. */
interface InvocationRecord {
  startPath: string;
  instanceStep: string;
  times: Record<string, number>;
  costs: { boot?: number };
}

/** Waits until the warming pool has an instance, for ten seconds at most; without one the sample counts as another step. */
async function warmInstance(hearth: Hearth): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { instances } = (await hearth.operator('fleet')) as { instances: { state: string }[] };
    if (instances.some(({ state }) => state === 'warm')) return;
    await delay(100);
  }
}

function report(all: Map<Variant, Sample[]>, spawned: number[]): Report {
  const spawn = distribution(spawned);
  const goals: Goal[] = [];
  const added: (string | number | null)[][] = [];
  const steps: (string | number | null)[][] = [];
  for (const [variant, samples] of all) {
    const wanted = samples.filter(({ path, step }) => path === variant.path && step === variant.step);
    const other = samples.length - wanted.length;
    if (wanted.length === 0) {
      added.push([variant.name, 0, other, null, null, null, null, null]);
      continue;
    }
    const extra = distribution(wanted.map(({ coldMs, warmMs }) => coldMs - warmMs));
    const warm = median(wanted.map(({ warmMs }) => warmMs));
    added.push([variant.name, wanted.length, other, extra.p50, extra.p90, extra.p99, extra.max, warm]);
    steps.push([variant.name, ...STEPS.map((name) => medianTime(wanted, name))]);
    if (variant === BOOT) {
      const told = samples.filter(({ step, bootMs }) => step === 'boot' && bootMs !== null && bootMs > 0);
      goals.push(atLeast('boot: records that say so, with its time', samples.length, told.length));
      steps.push(['boot: of that, the instance', median(told.map(({ bootMs }) => bootMs ?? 0)), null, null, null]);
      continue;
    }
    const [limit, share] = LIMITS[variant.path];
    goals.push(atMost(`${variant.name}: added p50`, limit, extra.p50, ' ms'));
    goals.push(atMost(`${variant.name}: added p50, x spawn`, share, extra.p50 / spawn.p50));
    goals.push(atMost(`${variant.name}: p99, x its p50`, 3, extra.p99 / extra.p50));
  }
  return {
    tables: [
      {
        title: 'Cold start as added to a warm call; ms',
        columns: ['path, instance', 'samples', 'other path', 'p50', 'p90', 'p99', 'max', 'warm p50'],
        rows: [...added, ['spawn (whole)', spawn.count, 0, spawn.p50, spawn.p90, spawn.p99, spawn.max, null]],
      },
      {
        title: "Where the time goes: medians of the record's times, ms since received",
        columns: ['', ...STEPS],
        rows: steps,
      },
    ],
    goals,
    notes: [
      'Functions are created through the API and have never run; MemorySize 128; one client, one connection.',
      `Each cold call follows a pause of ${PAUSE} ms and is compared with the median of ${WARM_CALLS} warm calls after it.`,
      '"active": the account already has an instance; "warming": a new account, its instance comes from the warming pool; "boot": a new account, and the pool keeps none.',
      '"other path": samples that took another path or step than the variant is for; they are in the rounds, not in the numbers.',
    ],
    rounds: {
      spawnMs: spawned,
      variants: Array.from(all, ([{ name, env }, samples]) => ({ name, env, samples })),
    },
  };
}

const STEPS = ['placed', 'initialised', 'started', 'ended'];

function medianTime(samples: readonly Sample[], step: string): number | null {
  const values = samples.flatMap(({ times }) => times[step] ?? []);
  return values.length === 0 ? null : median(values);
}
