import { ApiError, RUNTIMES } from '@hearth/protocol';
import type { RuntimeId } from '@hearth/protocol';
import { OVERFLOW_KINDS } from './overflow.ts';
import type { OverflowPolicy } from './overflow.ts';
import { BOUGHT_CLASSES } from './purchase.ts';
import type { BoughtClass, PreparedFunction, Purchase, VariableConstraints } from './purchase.ts';
import { DAYS, knowsTimeZone, minutesOf } from './schedule.ts';
import type { Day, Schedule, TimeWindow } from './schedule.ts';

/** What of a purchase its owner decides. */
export type PurchaseTerms = Omit<Purchase, 'id' | 'createdAt' | 'updatedAt'>;

const MAX_AMOUNT = 100_000;
const MAX_MEMORY_MB = 1_048_576;
const MAX_FUNCTIONS = 100;
const MAX_WINDOWS = 100;
const MAX_SANDBOXES = 1_000;
const MAX_NAME = 200;
/** AWS's longest invocation, in seconds. */
const LONGEST_S = 900;

/** What may be left out of a new purchase. */
export interface PurchaseDefaults {
  readonly account: string;
  readonly region: string;
  /** Of a common instance: MB. */
  readonly instanceMemoryMb: number;
}

/** Of each execution, where nothing is said: AWS's smallest function. */
const DEFAULT_EXECUTION_MB = 128;

/** A new purchase's terms, from JSON. @throws ApiError InvalidParameterValueException that says what is wrong. */
export function readPurchase(input: Record<string, unknown>, defaults: PurchaseDefaults): PurchaseTerms {
  const kind = readClass(input['class']);
  const { account, region, instanceMemoryMb } = defaults;
  const before: PurchaseTerms = {
    account,
    class: kind,
    amount: 1,
    memoryMb: kind === 'reserved' ? DEFAULT_EXECUTION_MB : instanceMemoryMb,
    region,
    runtimes: [],
    functions: [],
    until: null,
    schedule: null,
    constraints: kind === 'variable' ? {} : null,
    lendMs: 0,
  };
  const { class: _, account: owner, ...terms } = input;
  if (owner !== undefined && !(typeof owner === 'string' && /^\d{12}$/.test(owner)))
    throw invalid('account is 12 digits.');
  return readChange(terms, { ...before, account: owner ?? account });
}

/** The terms of a purchase after a change, from JSON. @throws as above. */
export function readChange(input: Record<string, unknown>, before: PurchaseTerms): PurchaseTerms {
  const after: { -readonly [Field in keyof PurchaseTerms]: PurchaseTerms[Field] } = { ...before };
  for (const [name, value] of Object.entries(input)) {
    switch (name) {
      case 'amount':
        after.amount = wholeNumber(name, value, 0, MAX_AMOUNT);
        break;
      case 'memoryMb':
        after.memoryMb = wholeNumber(name, value, 128, MAX_MEMORY_MB);
        break;
      case 'region':
        after.region = text(name, value);
        break;
      case 'runtimes':
        after.runtimes = list(name, value, RUNTIMES.length).map(readRuntime);
        break;
      case 'functions':
        after.functions = list(name, value, MAX_FUNCTIONS).map(readFunction);
        break;
      case 'until':
        after.until = value === null ? null : readTime(name, value);
        break;
      case 'schedule':
        after.schedule = value === null ? null : readSchedule(value);
        break;
      case 'constraints':
        if (before.class !== 'variable') throw invalid('constraints are for class variable only.');
        after.constraints = readConstraints(value);
        break;
      case 'lendSeconds':
        if (before.class !== 'reserved') throw invalid('lendSeconds is for class reserved only.');
        after.lendMs = 1000 * wholeNumber(name, value, 0, LONGEST_S);
        break;
      default:
        throw invalid(`${JSON.stringify(name.slice(0, MAX_NAME))} is nothing that can be set.`);
    }
  }
  return after;
}

/** An account's policy, from JSON: `{policy, waitSeconds?, maxInstances?}`. @throws as above. */
export function readPolicy(input: Record<string, unknown>): OverflowPolicy {
  const { policy: kind, waitSeconds = 30, maxInstances, ...rest } = input;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(`${JSON.stringify(unknown.slice(0, MAX_NAME))} is nothing that can be set.`);
  const waitMs = 1000 * wholeNumber('waitSeconds', waitSeconds, 1, LONGEST_S);
  switch (kind) {
    case 'overflow':
    case 'deny':
      return { kind };
    case 'wait':
      return { kind, waitMs };
    case 'grow':
      return { kind, waitMs, maxInstances: wholeNumber('maxInstances', maxInstances, 1, MAX_AMOUNT) };
    default:
      throw invalid(`policy is one of ${OVERFLOW_KINDS.join(', ')}.`);
  }
}

function readClass(value: unknown): BoughtClass {
  const kind = BOUGHT_CLASSES.find((one) => one === value);
  if (kind === undefined) throw invalid(`class is one of ${BOUGHT_CLASSES.join(', ')}.`);
  return kind;
}

function readRuntime(value: unknown): RuntimeId {
  const runtime = RUNTIMES.find((one) => one === value);
  if (runtime === undefined) throw invalid(`runtimes are of ${RUNTIMES.join(', ')}.`);
  return runtime;
}

function readFunction(value: unknown): PreparedFunction {
  if (typeof value === 'string') return { name: text('a function', value), sandboxes: 0 };
  const { name, sandboxes = 0 } = object('a function', value);
  return { name: text('name', name), sandboxes: wholeNumber('sandboxes', sandboxes, 0, MAX_SANDBOXES) };
}

function readTime(name: string, value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw invalid(`${name} is a time like 2026-12-31T23:00:00Z, or null.`);
  return time;
}

function readSchedule(value: unknown): Schedule {
  const { timeZone, windows } = object('schedule', value);
  if (typeof timeZone !== 'string' || !knowsTimeZone(timeZone)) {
    throw invalid('schedule.timeZone is a name of the time zone database, like UTC or Europe/Berlin.');
  }
  return { timeZone, windows: list('schedule.windows', windows, MAX_WINDOWS, 1).map(readWindow) };
}

function readWindow(value: unknown): TimeWindow {
  const { days, from, to } = object('a window', value);
  const chosen = list('days', days, DAYS.length, 1).map((day): Day => {
    const known = DAYS.find((one) => one === day);
    if (known === undefined) throw invalid(`days are of ${DAYS.join(', ')}.`);
    return known;
  });
  for (const time of [from, to]) {
    if (typeof time !== 'string' || minutesOf(time) === undefined)
      throw invalid('from and to are like 08:30, up to 24:00.');
  }
  if (from === to || from === '24:00')
    throw invalid('A window begins before 24:00, and ends at another time than it begins.');
  return { days: chosen, from: from as string, to: to as string };
}

function readConstraints(value: unknown): VariableConstraints {
  const { minFreeShare, maxPrice, ...rest } = object('constraints', value);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid('constraints are minFreeShare and maxPrice.');
  return {
    ...(minFreeShare != null && { minFreeShare: share('constraints.minFreeShare', minFreeShare) }),
    ...(maxPrice != null && { maxPrice: share('constraints.maxPrice', maxPrice) }),
  };
}

function share(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw invalid(`${name} is a number from 0 to 1.`);
}

function wholeNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} is a whole number from ${least} to ${most}.`);
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME) return value;
  throw invalid(`${name} is a text of 1 to ${MAX_NAME} characters.`);
}

function list(name: string, value: unknown, most: number, least = 0): unknown[] {
  if (Array.isArray(value) && value.length >= least && value.length <= most) return value;
  throw invalid(`${name} is a list of ${least} to ${most}.`);
}

function object(name: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`${name} is an object.`);
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
