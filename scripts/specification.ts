/**
 * Writes the numbers of SPECIFICATION.md anew from benchmarks/results/*.json. `npm run bench` ends with it; by hand:
 *
 *     node_modules/.bin/node scripts/specification.ts
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Promised, PROMISES } from './promises.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'SPECIFICATION.md');
const BEGIN = '<!-- written by scripts/specification.ts from here -->';
const END = '<!-- to here -->';
/** Share of the machine that others used while nothing was measured, from which on the reader is told. */
const BUSY = 0.03;

type Cell = string | number | null;

/** What the benchmarks write. */
export interface Result {
  benchmark: string;
  date: string;
  machine: { cpu: string; cores: number; memoryMb: number; kernel: string; node: string };
  busyBefore: number;
  tables: { title: string; columns: string[]; rows: Cell[][] }[];
  goals: { number: string; measured: number; met: boolean }[];
  notes: string[];
}

/** @throws Error where the page lacks the place for the numbers. */
export function withNumbers(text: string, results: ReadonlyMap<string, Result>): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`SPECIFICATION.md lacks ${BEGIN} or ${END}`);
  const rows = PROMISES.map((promised) => row(promised, results));
  const summary = table(['number', 'goal', 'enforced by', 'last measured'], rows);
  return [before + BEGIN, summary, ...Array.from(results.values(), details), END + after].join('\n\n');
}

/** The results that there are, by the benchmark's name. */
export function readResults(): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const name of new Set(PROMISES.flatMap(({ benchmark }) => benchmark ?? []))) {
    const file = join(root, 'benchmarks', 'results', `${name}.json`);
    if (existsSync(file)) results.set(name, JSON.parse(readFileSync(file, 'utf8')) as Result);
  }
  return results;
}

/** Brings the page up to date. */
export function writeSpecification(): void {
  writeFileSync(page, withNumbers(readFileSync(page, 'utf8'), readResults()));
  execFileSync(join(root, 'node_modules', '.bin', 'oxfmt'), [page], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function row({ number, goal, benchmark, goals, table: title }: Promised, results: ReadonlyMap<string, Result>): Cell[] {
  if (benchmark === undefined) return [number, goal, 'no benchmark yet', 'not measured yet'];
  return [number, goal, `\`npm run bench -- ${benchmark}\``, measured(results.get(benchmark), goals, title)];
}

function measured(result: Result | undefined, goals: RegExp | undefined, title: string | undefined): string {
  if (result === undefined) return 'not measured yet';
  const when = `${result.date.slice(0, 10)}${result.busyBefore > BUSY ? ', on a busy machine' : ''}`;
  if (goals === undefined) {
    const stated = result.tables.some((each) => each.title.startsWith(title ?? ''));
    return stated ? `${when}: see the table below` : 'not measured yet';
  }
  const found = result.goals.flatMap((goal) => {
    const match = goals.exec(goal.number);
    if (match === null) return [];
    const which = match[1] === undefined ? '' : `${match[1]}: `;
    return `${which}${format(goal.measured)}${goal.met ? '' : ' **missed**'}`;
  });
  return found.length === 0 ? 'not measured yet' : `${when}: ${found.join(', ')}`;
}

function details({ benchmark, date, machine, busyBefore, tables, notes }: Result): string {
  const { cpu, cores, memoryMb, kernel, node } = machine;
  const busy =
    busyBefore > BUSY ? ` ${Math.round(busyBefore * 100)} % of it was busy with other work just before.` : '';
  const about = `${date.slice(0, 16).replace('T', ' ')} UTC, ${cores} x ${cpu}, ${memoryMb} MB, Linux ${kernel}, Node ${node}.${busy}`;
  return [
    `## Last run of ${benchmark}`,
    about,
    ...tables.map(({ title, columns, rows }) => `${title}:\n\n${table(columns, rows)}`),
    notes.map((note) => `- ${note}`).join('\n'),
  ].join('\n\n');
}

function table(columns: string[], rows: Cell[][]): string {
  const line = (cells: Cell[]): string => `| ${cells.map(format).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Numbers with three significant digits, in full. */
function format(cell: Cell): string {
  if (typeof cell === 'string') return cell.replaceAll('|', '\\|');
  if (cell === null || !Number.isFinite(cell)) return '-';
  return Number(cell.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

if (import.meta.main) writeSpecification();
