/**
 * Runs each policy over a trace and writes what came out to stdout as JSON; the benchmark `keepalive` shows it. By hand:
 *
 *     node_modules/.bin/node packages/server/src/placement/keep-alive/simulation/compare.ts TRACE [quick]
 *
 * TRACE is what stands before `_inv.csv` in the name of the first table, or a folder with traces in it, of which the largest is taken.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
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
/** Of a trace with more calls the checks would take minutes. */
const MOST_TO_CHECK = 3_000_000;
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
  /** The trace's name. */
  trace: string;
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
  readonly first: number;
  readonly run: (value: number) => SimulationResult;
  readonly inWords: (value: number) => string;
}

/** So much less idle memory than allowed is near enough. */
const NEAR = 0.01;
const TRIES = 8;

/** Turns the knob until as much idle memory is used as allowed, and no more; more of it uses more, about in proportion. */
function atMost(idle: number, { first, run, inWords }: Knob): { run: Run; result: SimulationResult } {
  let best: { value: number; result: SimulationResult; over: number } | undefined;
  let before: { value: number; over: number } | undefined;
  let value = first;
  for (let tries = 0; tries < TRIES || (best === undefined && tries < 4 * TRIES); tries++) {
    const result = run(value);
    const over = Math.log(result.idle / idle);
    if (over <= 0 && (best === undefined || over > best.over)) best = { value, result, over };
    if (over <= 0 && over > -NEAR) break;
    const slope = before === undefined ? 1 : (over - before.over) / Math.log(value / before.value);
    before = { value, over };
    // A policy jumps here and there: it is never believed to be nearly deaf or wildly keen.
    value *= Math.exp((-NEAR / 2 - over) / Math.min(3, Math.max(0.3, slope || 1)));
  }
  if (best === undefined) throw new Error('no setting of a policy uses as little idle memory as is allowed');
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
    first: 60 * MINUTE,
    run: (value) => simulated(workload, 'hybrid-histogram', REFERENCE_MS, value),
    inWords: (value) => `range of ${minutes(value)}`,
  }),
  'greedy-dual': (workload, averageMb) => ({
    first: averageMb,
    run: (idleLimitMb) => {
      const policy = createPolicy('greedy-dual', { idleMs: REFERENCE_MS, maxIdleMs: NO_LIMIT_MS });
      return simulate({ workload, policy, fromMs: taughtMs(workload), idleLimitMb });
    },
    inWords: (value) => `${Math.round(value / 1024)} GB for idle ones`,
  }),
  'break-even': (workload) => ({
    first: REFERENCE_MS,
    run: (value) => simulated(workload, 'break-even', value, Math.max(value, MAX_IDLE_MS)),
    inWords: (value) => `memory of ${minutes(value)}`,
  }),
};

function ratio(workload: Workload): number {
  const reference = simulated(workload, 'fixed', REFERENCE_MS, NO_LIMIT_MS);
  const knob = knobs['break-even'](workload, averageOf(workload, reference));
  const { result } = atMost(reference.idle, knob);
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

export function compare(trace: readonly TracedFunction[], quick: boolean): Omit<Comparison, 'trace'> {
  const begun = performance.now();
  const workload = invocationsOf(trace, SEED);
  const fixed = [5, 10, 20, 40, 60].map((time) => {
    const result = simulated(workload, 'fixed', time * MINUTE, NO_LIMIT_MS);
    return { result, run: described('fixed', `${time} min`, result) };
  });
  const { result: reference } = fixed[2]!;
  const equal = Object.entries(knobs).map(([policy, knob]) => ({
    ...atMost(reference.idle, knob(workload, averageOf(workload, reference))).run,
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
    checks: quick || workload.arrival.length > MOST_TO_CHECK ? [] : checksOf(trace, reference.coldOf),
    seconds: (performance.now() - begun) / 1000,
  };
}

/**
 * The trace that is meant by a path: what stands before `_inv.csv` in a name, or a folder, of which it is the largest.
 *
 * @throws Error where there is none.
 */
export function findTrace(path: string): string {
  if (existsSync(path + SUFFIX)) return path;
  const files = existsSync(path) && statSync(path).isDirectory() ? readdirSync(path) : [];
  const traces = files.filter((name) => name.endsWith(SUFFIX)).map((name) => join(path, name));
  const [largest] = traces.toSorted((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error(`${path}: no trace is here (a table whose name ends with ${SUFFIX})`);
  return largest.slice(0, -SUFFIX.length);
}

if (import.meta.main) {
  const [path = '', quick] = process.argv.slice(2);
  const trace = findTrace(path);
  const comparison: Comparison = { trace: basename(trace), ...compare(readTrace(trace), quick === 'quick') };
  process.stdout.write(JSON.stringify(comparison));
}
