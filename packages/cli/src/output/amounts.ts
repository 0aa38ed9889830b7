import { CliError } from '../cli-error.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds from text like `30s`, `10m`, `2h`, `1d`; a bare number is seconds.
 *
 * @throws CliError for anything else.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) {
    throw new CliError(`Not a time span: ${text}`, { hint: 'Write it like 30s, 10m, 2h or 1d.' });
  }
  return Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 0);
}

/** `1.2 MB`, for people. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return '-';
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** How long ago, in the largest unit that fits: `5s`, `3m`, `2h`, `4d`. */
export function formatAge(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  for (const unit of ['d', 'h', 'm']) {
    const size = UNITS[unit] ?? 1;
    if (span >= size) return `${Math.floor(span / size)}${unit}`;
  }
  return `${Math.floor(span / 1000)}s`;
}
