/** Who calls what in a soak, and when: a real day's functions, spread over three accounts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ACCOUNTS = ['111111111111', '222222222222', '333333333333'] as const;

export interface SoakFunction {
  readonly name: string;
  readonly account: string;
  readonly memoryMb: number;
  /** What each invocation takes: ms. */
  readonly runMs: number;
  /** Its reserved concurrency; undefined where it has none. */
  readonly limit: number | undefined;
  /** Invocations in each minute of the soak. */
  readonly calls: readonly number[];
}

const FUNCTIONS = 200;
/** The first minute of the day that is replayed, and how much later the second half of the functions are in the day. */
const FIRST_MINUTE = 600;
const SHIFT = 480;
const DAY = 1440;
/** What the machine of a benchmark stands: the trace's largest are called a thousand times a minute and run for minutes. */
const MOST_CALLS = 60;
const LONGEST_MS = 1_500;
/** Every so many functions one has a reserved concurrency of this, so that limits are reached. */
const LIMITED_EVERY = 8;
const LIMIT = 2;

/**
 * The trace's functions, each of them twice at two times of its day.
 *
 * @param traces directory of the Azure 2019 sample (`*_inv.csv`, `*_run.csv`).
 */
export function planSoak(traces: string, minutes: number): SoakFunction[] {
  const runs = new Map(rows(join(traces, 'azure2019-100_run.csv')).map((row) => [row[0]!, Number(row[10])]));
  const invocations = rows(join(traces, 'azure2019-100_inv.csv'));
  return Array.from({ length: FUNCTIONS }, (_, index) => {
    const [hash = '', , , ...counts] = invocations[index % invocations.length]!;
    const from = FIRST_MINUTE + (index < invocations.length ? 0 : SHIFT);
    return {
      name: `soak-${index}`,
      account: ACCOUNTS[index % ACCOUNTS.length]!,
      memoryMb: index % 2 === 0 ? 128 : 256,
      runMs: Math.min(LONGEST_MS, runs.get(hash) ?? 0),
      limit: index % LIMITED_EVERY === 0 ? LIMIT : undefined,
      calls: Array.from({ length: minutes }, (__, minute) =>
        Math.min(MOST_CALLS, Number(counts[(from + minute) % DAY])),
      ),
    };
  });
}

function rows(file: string): string[][] {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.split(','));
}
