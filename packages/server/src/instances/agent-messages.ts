import { FrameError } from '@hearth/protocol';
import type { FromAgent, StartPath } from '@hearth/protocol';

type Check = (value: unknown) => boolean;

/** Longer than any id, token, name or path that an agent has to tell. */
const MAX_WORD = 256;
/** A reason may quote an error with its path. What is longer is of no use to a reader. */
const MAX_TEXT = 16 * 1024;
/** More than an instance has sandboxes. */
const MAX_LIST = 16_384;
/** Names of signals, or `signal 34` where there is none. */
const SIGNAL = /^(?:SIG[A-Z0-9+]{1,12}|signal \d{1,3})$/;
const PATHS: ReadonlySet<unknown> = new Set<StartPath>(['warm', 'spare', 'fork', 'exec']);
const LEVELS: ReadonlySet<unknown> = new Set(['info', 'warn', 'error']);

const word: Check = (value) => typeof value === 'string' && value.length <= MAX_WORD;
const text: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** A number of a stream, as it stands in a frame. */
const stream: Check = (value) => count(value) && (value as number) <= 0xffff_ffff;
const milliseconds: Check = (value) => typeof value === 'number' && value >= 0 && Number.isFinite(value);
const flag: Check = (value) => typeof value === 'boolean';
const oneOf =
  (values: ReadonlySet<unknown>): Check =>
  (value) =>
    values.has(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= MAX_LIST && value.every(check);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' && value !== null && missingField(value, checks) === undefined;

/** The first field that isn't there or isn't what it should be. What an object inherits counts for nothing. */
function missingField(value: object, checks: Readonly<Record<string, Check>>): string | undefined {
  for (const [name, check] of Object.entries(checks)) {
    const found = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    if (!check(found)) return name;
  }
  return undefined;
}

const signal: Check = (value) => typeof value === 'string' && SIGNAL.test(value);
const exit = fields({ code: orNull(count), signal: orNull(signal), outOfMemory: flag });

/** What each message must have: whoever acts on it relies on no less, and its sender is not trusted. */
const SHAPES: { readonly [Type in FromAgent['type']]: Readonly<Record<string, Check>> } = {
  ready: {},
  spare: { sandbox: word, token: word, slot: count },
  placed: {
    sandbox: word,
    connection: word,
    slot: count,
    path: oneOf(PATHS),
    reason: text,
    times: fields({ code: milliseconds, sandbox: milliseconds }),
  },
  lost: {
    sandbox: word,
    connection: optional(word),
    reason: text,
    exit: orNull(exit),
    maxMemoryMb: count,
    brokenPackage: optional(flag),
  },
  usage: { sandboxes: listOf(fields({ sandbox: word, usedBytes: count, maxBytes: count })) },
  health: { check: count, problems: listOf(text) },
  preloaded: { request: count, failure: optional(text) },
  'fetch-code': { stream, sha256: word, account: word },
  'want-volumes': { slots: listOf(count), sizeMb: count },
  log: { level: oneOf(LEVELS), message: text },
};

/**
 * Reads a control message of an agent, which may be as hostile as what its instance holds.
 *
 * @throws FrameError where it is no message, or one of its fields is missing or of another kind.
 */
export function readAgentMessage(payload: Buffer): FromAgent {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    throw new FrameError('a control message that is not JSON');
  }
  const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, 'type');
  const type = isObject ? (value as { type: unknown }).type : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(SHAPES, type)) throw new FrameError('an unknown control message');
  const wrong = missingField(value as object, SHAPES[type as FromAgent['type']]);
  if (wrong !== undefined) throw new FrameError(`a "${type}" message without a "${wrong}" that makes sense`);
  return value as FromAgent;
}
