/** What a benchmark is, and what it hands back to be printed and written. */
export interface Benchmark {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  run(context: Context): Promise<Report>;
}

export interface Context {
  /** Fewer and shorter rounds: a look, not a measurement. */
  readonly quick: boolean;
  /** Path of the `hearth` command under test. */
  readonly hearth: string;
  /** Path of a trace, for what runs one. */
  readonly trace?: string | undefined;
  /** Says on stderr what is going on. */
  readonly progress: (text: string) => void;
}

export interface Report {
  tables: Table[];
  goals: Goal[];
  /** How it was measured, as far as a reader of the numbers must know. */
  notes: string[];
  /** Every single round, so that a doubt can be settled without another run. */
  rounds: unknown;
}

export interface Table {
  title: string;
  columns: string[];
  /** One row per subject; numbers are printed with three significant digits. */
  rows: (string | number | null)[][];
}

/** A number of SPECIFICATION.md beside its goal. */
export interface Goal {
  number: string;
  goal: string;
  measured: number;
  met: boolean;
}

/** A goal of at least `limit`. `limit` and `measured` share `unit` ('' for a ratio). */
export function atLeast(number: string, limit: number, measured: number, unit = ''): Goal {
  return { number, goal: `>= ${limit}${unit}`, measured, met: measured >= limit };
}

/** A goal of at most `limit`. */
export function atMost(number: string, limit: number, measured: number, unit = ''): Goal {
  return { number, goal: `<= ${limit}${unit}`, measured, met: measured <= limit };
}
