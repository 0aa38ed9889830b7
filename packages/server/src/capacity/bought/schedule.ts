/** Days as they are written, in the order of `Date`. */
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Day = (typeof DAYS)[number];

/** Part of each of some days. */
export interface TimeWindow {
  /** On which it begins. */
  readonly days: readonly Day[];
  /** `HH:MM`, by the clocks on the wall. */
  readonly from: string;
  /** `HH:MM`, up to `24:00`; before `from` it is the next day's. */
  readonly to: string;
}

/** When a purchase has its capacity. */
export interface Schedule {
  /** A name of the time zone database, like `Europe/Berlin`. */
  readonly timeZone: string;
  readonly windows: readonly TimeWindow[];
}

const MINUTES_A_DAY = 24 * 60;
const TIME = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;

/** Making one costs a hundred times what using one does. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether one of the windows is open at this moment, milliseconds since the epoch. To the minute; clocks that are put forward or back are followed. */
export function isOpen({ timeZone, windows }: Schedule, epochMs: number): boolean {
  const { day, minute } = localTime(timeZone, epochMs);
  const today = DAYS[day]!;
  const yesterday = DAYS[(day + 6) % 7]!;
  return windows.some(({ days, from, to }) => {
    const begin = minutesOf(from)!;
    const end = minutesOf(to)!;
    if (begin < end) return days.includes(today) && minute >= begin && minute < end;
    return (days.includes(today) && minute >= begin) || (days.includes(yesterday) && minute < end);
  });
}

/** Minutes since midnight; undefined where it is no time of day. */
export function minutesOf(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  return match[1] === undefined ? MINUTES_A_DAY : Number(match[1]) * 60 + Number(match[2]);
}

/** Whether this machine knows a time zone of this name. */
export function knowsTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    // That is how Intl says no.
    return false;
  }
}

function localTime(timeZone: string, epochMs: number): { day: number; minute: number } {
  let day = 0;
  let minute = 0;
  for (const { type, value } of formatOf(timeZone).formatToParts(epochMs)) {
    if (type === 'weekday') day = DAYS.indexOf(value.toLowerCase() as Day);
    else if (type === 'hour') minute += 60 * Number(value);
    else if (type === 'minute') minute += Number(value);
  }
  return { day, minute };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    const parts = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone, ...parts });
    formats.set(timeZone, format);
  }
  return format;
}
