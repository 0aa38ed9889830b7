import type { Goal, Report, Table } from './report.ts';

/** A report as text for a terminal. */
export function formatReport(report: Report): string {
  return [
    ...report.tables.map(formatTable),
    formatGoals(report.goals),
    ...report.notes.map((note) => `- ${note}`),
  ].join('\n');
}

/** Numbers with three significant digits, but all digits left of the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

/** First column to the left, all others to the right. */
export function formatTable(table: Table): string {
  const rows = table.rows.map((row) =>
    row.map((cell) => (cell === null ? '-' : typeof cell === 'number' ? formatNumber(cell) : cell)),
  );
  const widths = table.columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  return [`\n${table.title}`, line(table.columns), ...rows.map(line)].join('\n');
}

function formatGoals(goals: readonly Goal[]): string {
  const rows = goals.map(({ number, goal, measured, met }) => [number, goal, measured, met ? 'met' : 'MISSED']);
  return `${formatTable({ title: 'Goals', columns: ['', 'goal', 'measured', ''], rows })}\n`;
}
