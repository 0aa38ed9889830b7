import type { PurchaseTerms, Schedule } from '../client/capacity.ts';
import { CliError } from '../cli-error.ts';
import { parseDuration } from '../output/amounts.ts';

/** Options of `hearth capacity buy` and `change`, as they are written. */
export interface TermOptions {
  amount?: number;
  memory?: number;
  runtime?: string[];
  function?: string[];
  until?: string;
  window?: string[];
  zone?: string;
  minFree?: string;
  maxPrice?: string;
  lend?: string;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** What the options say, in the form of the API. @param now milliseconds since the epoch. @throws CliError */
export function termsOf(options: TermOptions, now: number): PurchaseTerms {
  const { amount, memory, runtime, function: functions, until, window, zone, minFree, maxPrice, lend } = options;
  const terms: PurchaseTerms = {};
  if (amount !== undefined) terms.amount = amount;
  if (memory !== undefined) terms.memoryMb = memory;
  if (runtime !== undefined) terms.runtimes = runtime;
  if (functions !== undefined) terms.functions = functions.map(parseFunction);
  if (until !== undefined) terms.until = parseUntil(until, now);
  if (window !== undefined) terms.schedule = parseSchedule(window, zone);
  else if (zone !== undefined) throw new CliError('--zone is of no use without --window.');
  if (minFree !== undefined || maxPrice !== undefined) {
    terms.constraints = {
      ...(minFree !== undefined && { minFreeShare: parseShare(minFree) }),
      ...(maxPrice !== undefined && { maxPrice: parseShare(maxPrice) }),
    };
  }
  if (lend !== undefined) terms.lendSeconds = Math.round(parseDuration(lend) / 1000);
  return terms;
}

/** `NAME`, `NAME:QUALIFIER`, or either with `=SANDBOXES`. */
function parseFunction(text: string): { name: string; sandboxes: number } {
  const [, name = '', count = '0'] = /^([^=]+)(?:=(\d+))?$/.exec(text) ?? [];
  if (name === '')
    throw new CliError(`Not a function: ${text}`, { hint: 'Write it like hello, hello:live or hello:live=2.' });
  return { name, sandboxes: Number(count) };
}

/** A moment, or a span from now on. */
function parseUntil(text: string, now: number): string | null {
  if (text === 'none') return null;
  if (/^\d+(?:\.\d+)?(?:s|m|h|d)$/.test(text)) return new Date(now + parseDuration(text)).toISOString();
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new CliError(`Not a time: ${text}`, {
      hint: 'Write it like 30d, 2026-12-31 or 2026-12-31T18:00+01:00, or none.',
    });
  }
  return new Date(time).toISOString();
}

/** Windows like `mon-fri 08:00-18:00` or `sat,sun 22:00-06:00`; `always` alone for no schedule. */
function parseSchedule(windows: string[], zone: string | undefined): Schedule | null {
  if (windows.length === 1 && windows[0] === 'always') return null;
  return {
    timeZone: zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    windows: windows.map((text) => {
      const [, days = '', from = '', to = ''] = /^([a-z,-]+) (\d\d:\d\d)-(\d\d:\d\d)$/.exec(text) ?? [];
      const chosen = days.split(',').flatMap(parseDays);
      if (from === '' || chosen.includes('')) {
        throw new CliError(`Not a time window: ${text}`, {
          hint: 'Write it like "mon-fri 08:00-18:00" or "sat,sun 22:00-06:00", or always.',
        });
      }
      return { days: chosen, from, to };
    }),
  };
}

/** One day, or a range of them, which may go on past Sunday; an empty text for what is none. */
function parseDays(text: string): string[] {
  const [first = '', last = first, ...rest] = text.split('-');
  const from = DAYS.indexOf(first);
  const to = DAYS.indexOf(last);
  if (from < 0 || to < 0 || rest.length > 0) return [''];
  const count = ((to - from + DAYS.length) % DAYS.length) + 1;
  return Array.from({ length: count }, (_, index) => DAYS[(from + index) % DAYS.length]!);
}

/** `0.3` or `30%`. */
function parseShare(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%)?$/.exec(text) ?? [];
  if (number === undefined) throw new CliError(`Not a share: ${text}`, { hint: 'Write it like 0.3 or 30%.' });
  return percent === undefined ? Number(number) : Number(number) / 100;
}

/** A schedule in the words of `--window`. */
export function formatSchedule(schedule: Schedule | null): string {
  if (schedule === null) return 'always';
  const windows = schedule.windows.map(({ days, from, to }) => `${formatDays(days)} ${from}-${to}`);
  return `${windows.join('; ')} ${schedule.timeZone}`;
}

function formatDays(days: string[]): string {
  const sorted = DAYS.filter((day) => days.includes(day));
  const first = DAYS.indexOf(sorted[0] ?? '');
  const isRange = sorted.length > 2 && sorted.every((day, index) => DAYS[first + index] === day);
  return isRange ? `${sorted[0]}-${sorted.at(-1)}` : sorted.join(',');
}
