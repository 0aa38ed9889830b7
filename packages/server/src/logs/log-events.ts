import { ApiError } from '@hearth/protocol';
import { parseFilterPattern } from './filter-pattern/filter-pattern.ts';
import type { LogGroups } from './log-groups.ts';
import type { LogStreams } from './log-streams.ts';
import type { EventKey, EventPage, EventQuery, GroupRecord, LogArchive, LogOwner, StoredEvent } from './ports.ts';
import { invalidToken, readKey, writeKey } from './tokens.ts';

/** What one page holds at most: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html */
const PAGE = { limit: 10_000, bytes: 1024 * 1024 };
const DAY_MS = 24 * 60 * 60 * 1000;

/** FilterLogEvents gives the newest first only from here on. */
const DESCENDING_FROM = Date.UTC(2024, 0, 1);

export interface EventSelection {
  /** Milliseconds since the epoch: of the first event, and of the first one behind those that are wanted. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly limit?: number | undefined;
  readonly token?: string | undefined;
}

export interface FilterSelection extends EventSelection {
  /** Oldest first; a token keeps its own direction. */
  readonly fromHead: boolean;
  readonly pattern?: string | undefined;
  readonly streams?: readonly string[] | undefined;
  readonly prefix?: string | undefined;
}

/** Reads what is in log groups. */
export class LogEvents {
  readonly #archive: LogArchive;
  readonly #groups: LogGroups;
  readonly #streams: LogStreams;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch. */
  constructor(archive: LogArchive, groups: LogGroups, streams: LogStreams, now: () => number) {
    this.#archive = archive;
    this.#groups = groups;
    this.#streams = streams;
    this.#now = now;
  }

  /**
   * The events of one stream from a token on, forward or backward; without one the last ones, or the first. Both tokens
   * that it gives are places between two events, so that nothing is given twice; where nothing more is there, the token of
   * that direction is the one that was given.
   *
   * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
   *
   * @throws ApiError ResourceNotFoundException, InvalidParameterException
   */
  async get(
    owner: LogOwner,
    group: string,
    stream: string,
    selection: EventSelection & { readonly fromHead: boolean },
    signal?: AbortSignal,
  ): Promise<{ events: readonly StoredEvent[]; forward: string; backward: string }> {
    const record = await this.#groups.get(owner, group);
    await this.#streams.get(owner, group, stream);
    const given = selection.token === undefined ? undefined : readPlace(selection.token);
    const forward = given === undefined ? selection.fromHead : given.forward;
    const { events } = await this.#read(owner, record, selection, {
      from: forward ? 'head' : 'tail',
      stream: (name) => name === stream,
      ...(given === undefined ? {} : given.forward ? { after: given.key } : { before: given.key }),
      ...(signal === undefined ? {} : { signal }),
    });
    // The place where there is nothing to tell it: of the token, or the beginning of all time.
    const first = events[0] ?? (given?.forward === true ? next(given.key) : (given?.key ?? BEGINNING));
    const last = events.at(-1) ?? (given?.forward === false ? previous(given.key) : (given?.key ?? BEGINNING));
    return { events, forward: writePlace(true, last), backward: writePlace(false, first) };
  }

  /**
   * The events of all streams of a group, or of some, that match a pattern, by their times.
   *
   * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
   *
   * @throws ApiError ResourceNotFoundException, InvalidParameterException
   */
  async filter(
    owner: LogOwner,
    group: string,
    selection: FilterSelection,
    signal?: AbortSignal,
  ): Promise<{ events: readonly StoredEvent[]; token: string | undefined }> {
    const record = await this.#groups.get(owner, group);
    const { streams, prefix, pattern = '', start } = selection;
    if (streams !== undefined && prefix !== undefined) {
      throw new ApiError('InvalidParameterException', 'Give logStreamNames or logStreamNamePrefix, not both.');
    }
    for (const name of streams ?? []) await this.#streams.get(owner, group, name);
    const given = selection.token === undefined ? undefined : readPlace(selection.token);
    const forward = given === undefined ? selection.fromHead : given.forward;
    if (!forward && start !== undefined && start < DESCENDING_FROM) {
      throw new ApiError('InvalidParameterException', 'startFromHead is false, and startTime before January 1, 2024.');
    }
    const matches = pattern.trim() === '' ? undefined : parseFilterPattern(pattern);
    const wanted = streams === undefined ? undefined : new Set(streams);
    const { events, more } = await this.#read(owner, record, selection, {
      from: forward ? 'head' : 'tail',
      stream: (name) => (wanted?.has(name) ?? true) && (prefix === undefined || name.startsWith(prefix)),
      ...(given === undefined ? {} : given.forward ? { after: given.key } : { before: given.key }),
      ...(matches === undefined ? {} : { matches }),
      ...(signal === undefined ? {} : { signal }),
    });
    const last = forward ? events.at(-1) : events[0];
    return {
      events: forward ? events : events.toReversed(),
      token: more && last !== undefined ? writePlace(forward, last) : undefined,
    };
  }

  #read(
    owner: LogOwner,
    { name, retentionDays }: GroupRecord,
    { start = 0, end = Number.MAX_SAFE_INTEGER, limit = PAGE.limit }: EventSelection,
    query: Omit<EventQuery, 'start' | 'end' | 'limit' | 'bytes'>,
  ): Promise<EventPage> {
    // What is too old may still be on disk, but is not there for anyone.
    const oldest = retentionDays === undefined ? 0 : this.#now() - retentionDays * DAY_MS;
    const times = { start: Math.max(start, oldest), end };
    return this.#archive.read(owner, name, { ...query, ...times, limit, bytes: PAGE.bytes });
  }
}

function writePlace(forward: boolean, key: EventKey): string {
  return `${forward ? 'f' : 'b'}/${writeKey(key)}/s`;
}

const BEGINNING: EventKey = { timestamp: 0, block: 0, index: 0 };

function readPlace(token: string): { forward: boolean; key: EventKey } {
  const match = /^([fb])\/(\d+)\/s$/.exec(token);
  const key = readKey(match?.[2] ?? '');
  if (key === undefined) throw invalidToken();
  return { forward: match![1] === 'f', key };
}

/** The place right behind an event: what is before it includes the event. */
function next(key: EventKey): EventKey {
  return { ...key, index: key.index + 1 };
}

/** The place right before an event: what is behind it includes the event. */
function previous(key: EventKey): EventKey {
  return key.index > 0
    ? { ...key, index: key.index - 1 }
    : { ...key, block: Math.max(key.block - 1, 0), index: 9_999_999 };
}
