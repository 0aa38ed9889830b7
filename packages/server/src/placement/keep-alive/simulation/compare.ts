/**
 * Runs each policy over a trace and writes what came out to stdout as JSON; the benchmark `keepalive` shows it. By hand:
 *
 *     node_modules/.bin/node packages/server/src/placement/keep-alive/simulation/compare.ts TRACE [quick]
 *
 * TRACE is what stands before `_inv.csv` in the name of the first table, or a folder with one trace in it.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createPolicy } from '../policies.ts';
import type { PolicyName } from '../policy.ts';
import { oracle } from './oracle.ts';
import { simulate, type SimulationResult } from './simulator.ts';
import { invocationsOf, readTrace, type Spread, type TracedFunction, type Workload } from './trace.ts';

const MINUTE = 60_000;
/** What the others are held against: a fixed time that is common in practice. */
const REFERENCE_MS = 20 * MINUTE;
/** What the policies of a server with the default settings may keep: 95 % of an hour. */
const MAX_IDLE_MS = 57 * MINUTE;
/** Of the trace, what teaches the policies and is not counted: 16 hours of a day. */
const TAUGHT = 2 / 3;
const SEED = 1;
const FOLDS = 5;
const NO_LIMIT_MS = 1e12;
const SUFFIX = '_inv.csv';

/** A policy and what it was told, beside what it came to. */
export interface Run {
  policy: string;
  /** What it was told, in words. */
  setting: string;
  cold: number;
  /** Undefined for the oracle, which is given that of the reference. */
  ahead?: number;
  /** MB x ms. */
  idle: number;
}

export interface Comparison {
  functions: number;
  invocations: number;
  minutes: number;
  fixed: Run[];
  /** With at most the idle memory of the reference, as much of it as they can use. */
  equal: Run[];
  oracle: Run;
  /** The default policy with the setting that has the same meaning as the reference's. */
  asSet: Run;
  /** Cold starts of the default policy beside the reference's, at its idle memory, with other invocations and other functions. */
  checks: { what: string; ratio: number }[];
  seconds: number;
}

interface Knob {
  readonly least: number;
  readonly most: number;
  readonly run: (value: number) => SimulationResult;
  readonly inWords: (value: number) => string;
}

/** The largest value of the knob at which no more idle memory is used than allowed; more of it uses more. */
function atMost(
  idle: number,
  { least, most, run, inWords }: Knob,
  steps: number,
): { run: Run; result: SimulationResult } {
  let [low, high] = [least, most];
  let best = { value: low, result: run(low) };
  for (let step = 0; step < steps; step++) {
    const value = Math.sqrt(low * high);
    const result = run(value);
    if (result.idle > idle) high = value;
    else {
      low = value;
      best = { value, result };
    }
  }
  return { run: described('', inWords(best.value), best.result), result: best.result };
}

function averageOf(workload: Workload, { idle }: SimulationResult): number {
  return idle / (workload.durationMs - taughtMs(workload));
}

function described(policy: string, setting: string, { cold, ahead, idle }: SimulationResult): Run {
  return { policy, setting, cold, ahead, idle };
}

function taughtMs({ durationMs }: Workload): number {
  return durationMs * TAUGHT;
}

function simulated(workload: Workload, name: PolicyName, idleMs: number, maxIdleMs: number): SimulationResult {
  return simulate({ workload, policy: createPolicy(name, { idleMs, maxIdleMs }), fromMs: taughtMs(workload) });
}

const minutes = (milliseconds: number): string => `${(milliseconds / MINUTE).toFixed(1)} min`;

/** By policy; `averageMb` is what the reference has idle on average. */
const knobs: Readonly<Record<Exclude<PolicyName, 'fixed'>, (workload: Workload, averageMb: number) => Knob>> = {
  'hybrid-histogram': (workload) => ({
    least: 2 * MINUTE,
    most: 240 * MINUTE,
    run: (value) => simulated(workload, 'hybrid-histogram', REFERENCE_MS, value),
    inWords: (value) => `range of ${minutes(value)}`,
  }),
  'greedy-dual': (workload, averageMb) => ({
    least: averageMb / 4,
    most: averageMb * 4,
    run: (idleLimitMb) => {
      const policy = createPolicy('greedy-dual', { idleMs: REFERENCE_MS, maxIdleMs: NO_LIMIT_MS });
      return simulate({ workload, policy, fromMs: taughtMs(workload), idleLimitMb });
    },
    inWords: (value) => `${Math.round(value / 1024)} GB for idle ones`,
  }),
  'break-even': (workload) => ({
    least: 5 * MINUTE,
    most: 60 * MINUTE,
    run: (value) => simulated(workload, 'break-even', value, Math.max(value, MAX_IDLE_MS)),
    inWords: (value) => `memory of ${minutes(value)}`,
  }),
};

/** Bisections, after which the knob is known to some 3 %. */
const STEPS = { 'hybrid-histogram': 7, 'greedy-dual': 9, 'break-even': 6 };

function ratio(workload: Workload): number {
  const reference = simulated(workload, 'fixed', REFERENCE_MS, NO_LIMIT_MS);
  const knob = knobs['break-even'](workload, averageOf(workload, reference));
  const { result } = atMost(reference.idle, knob, STEPS['break-even']);
  return result.cold / reference.cold;
}

function checksOf(trace: readonly TracedFunction[], coldOf: Uint32Array): Comparison['checks'] {
  const made = (functions: readonly TracedFunction[], seed = SEED, spread?: Spread): number =>
    ratio(invocationsOf(functions, seed, spread));
  const most = coldOf.indexOf(Math.max(...coldOf));
  const folds = Array.from({ length: FOLDS }, (_, fold) => trace.filter((__, index) => index % FOLDS === fold));
  return [
    { what: 'another seed', ratio: made(trace, SEED + 1) },
    { what: 'all invocations of a minute at its begin', ratio: made(trace, SEED, 'at once') },
    {
      what: 'without the function that has most cold starts',
      ratio: made(trace.filter((_, index) => index !== most)),
    },
    ...folds.map((functions, fold) => ({ what: `every fifth function, from ${fold + 1} on`, ratio: made(functions) })),
  ];
}

export function compare(trace: readonly TracedFunction[], quick: boolean): Comparison {
  const begun = performance.now();
  const workload = invocationsOf(trace, SEED);
  const fixed = [5, 10, 20, 40, 60].map((time) => {
    const result = simulated(workload, 'fixed', time * MINUTE, NO_LIMIT_MS);
    return { result, run: described('fixed', `${time} min`, result) };
  });
  const { result: reference } = fixed[2]!;
  const equal = Object.entries(knobs).map(([policy, knob]) => ({
    ...atMost(reference.idle, knob(workload, averageOf(workload, reference)), STEPS[policy as keyof typeof STEPS]).run,
    policy,
  }));
  const setting = `memory of ${minutes(REFERENCE_MS)}`;
  return {
    functions: trace.length,
    invocations: reference.invocations,
    minutes: (workload.durationMs - taughtMs(workload)) / MINUTE,
    fixed: fixed.map(({ run }) => run),
    equal,
    oracle: {
      policy: 'oracle',
      setting: 'makes none ahead',
      cold: oracle(workload, taughtMs(workload)).coldAt(reference.idle),
      idle: reference.idle,
    },
    asSet: described('break-even', setting, simulated(workload, 'break-even', REFERENCE_MS, MAX_IDLE_MS)),
    checks: quick ? [] : checksOf(trace, reference.coldOf),
    seconds: (performance.now() - begun) / 1000,
  };
}

/** @throws Error where there is no trace, or more than one. */
export function findTrace(path: string): string {
  if (existsSync(path + SUFFIX)) return path;
  const files = existsSync(path) && statSync(path).isDirectory() ? readdirSync(path) : [];
  const [file, other] = files.filter((name) => name.endsWith(SUFFIX));
  if (file === undefined) throw new Error(`${path}: no trace is here (a table whose name ends with ${SUFFIX})`);
  if (other !== undefined) throw new Error(`${path}: several traces are here; name one, without ${SUFFIX}`);
  return join(path, file.slice(0, -SUFFIX.length));
}

if (import.meta.main) {
  const [path = '', quick] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(compare(readTrace(findTrace(path)), quick === 'quick')));
}
