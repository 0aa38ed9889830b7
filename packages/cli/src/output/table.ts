import { printable } from './printable.ts';

/** Lines of columns as wide as their widest cell, two spaces apart; columns whose name starts with `>` are set to the right. */
export function table(columns: string[], rows: (string | number)[][]): string {
  const names = columns.map((name) => name.replace(/^>/, ''));
  const cells = [names, ...rows.map((row) => row.map((cell) => printable(String(cell))))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return columns[column]?.startsWith('>') === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
}
