/** Traces in the form of the Azure Functions 2019 data set, and invocations made of them. */
import { readFileSync } from 'node:fs';

const MINUTE_MS = 60_000;

/** One function of a trace. */
export interface TracedFunction {
  readonly name: string;
  /** Invocations in each minute. */
  readonly perMinute: readonly number[];
  /** Run time in ms at the data set's percentiles: 0, 1, 25, 50, 75, 99, 100. */
  readonly runMs: readonly number[];
  readonly memoryMb: number;
}

/** Those that a trace gives. */
const PERCENTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1];

/** All invocations of a trace in the order in which they come; times in ms from its begin. */
export interface Workload {
  readonly functions: readonly { readonly name: string; readonly memoryMb: number }[];
  readonly durationMs: number;
  readonly functionOf: Uint32Array;
  readonly arrival: Float64Array;
  readonly run: Float64Array;
}

/**
 * Reads the three tables of a trace, `PREFIX_inv.csv`, `PREFIX_run.csv`, `PREFIX_mem.csv`: invocations by minute, run times by
 * function, memory by app (AzurePublicDataset, "Azure Functions Trace 2019"). A function without the second takes a second, without
 * the third 170 MB, the data set's median.
 */
export function readTrace(prefix: string): TracedFunction[] {
  const runs = new Map(rows(`${prefix}_run.csv`).map((row) => [row['HashFunction']!, row]));
  const memories = new Map(rows(`${prefix}_mem.csv`).map((row) => [row['HashApp']!, row]));
  return rows(`${prefix}_inv.csv`).map((row) => {
    const name = row['HashFunction']!;
    const run = runs.get(name);
    const runMs = PERCENTILES.map((share) => Number(run?.[`percentile_Average_${share * 100}`] ?? 1000));
    const memoryMb = Number(memories.get(row['HashApp']!)?.['AverageAllocatedMb'] ?? 170);
    const minutes = Object.keys(row).filter((column) => /^(minute_)?\d+$/.test(column));
    return { name, perMinute: minutes.map((column) => Number(row[column])), runMs, memoryMb: Math.max(1, memoryMb) };
  });
}

/** How the invocations of a minute lie in it: at random, or all at its begin. */
export type Spread = 'random' | 'at once';

/**
 * Makes invocations of a trace's counts: in each minute as many as it says, spread over it uniformly at random, each with a run time
 * drawn from the function's percentiles, linear between them. The same seed makes the same ones.
 */
export function invocationsOf(trace: readonly TracedFunction[], seed: number, spread: Spread = 'random'): Workload {
  const total = trace.reduce((sum, { perMinute }) => sum + perMinute.reduce((all, count) => all + count, 0), 0);
  const minutes = Math.max(0, ...trace.map(({ perMinute }) => perMinute.length));
  const randoms = trace.map((_, index) => generator(seed, index));
  const workload: Workload = {
    functions: trace,
    durationMs: minutes * MINUTE_MS,
    functionOf: new Uint32Array(total),
    arrival: new Float64Array(total),
    run: new Float64Array(total),
  };
  let next = 0;
  for (let minute = 0; minute < minutes; minute++) {
    const calls: { at: number; run: number; index: number }[] = [];
    trace.forEach(({ perMinute, runMs }, index) => {
      const random = randoms[index]!;
      for (let each = 0; each < (perMinute[minute] ?? 0); each++) {
        const within = random() * MINUTE_MS;
        const at = minute * MINUTE_MS + (spread === 'random' ? within : 0);
        calls.push({ at, run: Math.max(1, quantile(runMs, random())), index });
      }
    });
    for (const { at, run, index } of calls.toSorted((a, b) => a.at - b.at)) {
      workload.arrival[next] = at;
      workload.run[next] = run;
      workload.functionOf[next++] = index;
    }
  }
  return workload;
}

function quantile(values: readonly number[], share: number): number {
  let left = 0;
  while (left < values.length - 2 && share > PERCENTILES[left + 1]!) left++;
  const from = PERCENTILES[left]!;
  return values[left]! + ((values[left + 1]! - values[left]!) * (share - from)) / (PERCENTILES[left + 1]! - from);
}

function rows(file: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(file, 'utf8').split(/\r?\n/);
  const columns = head!.split(',');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split(',');
      return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']));
    });
}

/** Mulberry32: small, fast and good enough; numbers from 0 to 1, others for each function. */
function generator(seed: number, stream: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ Math.imul(stream + 1, 0x85eb_ca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
