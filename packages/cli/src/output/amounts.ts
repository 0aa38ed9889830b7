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

/** A duration for people: `0.14 ms`, `4.2 ms`, `310 ms`, `2.5 s`, `4 min 10 s`, `3 h 20 min`. */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 1) return `${milliseconds.toFixed(2)} ms`;
  if (milliseconds < 99.95) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((milliseconds % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
