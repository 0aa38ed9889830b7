import { ApiError } from '@hearth/protocol';
import { PAGE } from './log-groups.ts';
import type { LogGroups } from './log-groups.ts';
import type { LogArchive, LogOwner, StreamRecord } from './ports.ts';
import { readToken, writeToken } from './tokens.ts';

/**
 * Streams of one group that CreateLogStream makes at most; AWS has no such limit. Whoever reads a group has all of its
 * streams in memory, and an empty one costs next to nothing to make.
 */
const MAX_STREAMS = 50_000;

/** Which streams to list, in which order. */
export interface StreamSelection {
  readonly prefix?: string | undefined;
  readonly by: 'name' | 'last event';
  readonly descending: boolean;
  readonly token?: string | undefined;
  readonly limit?: number | undefined;
}

/** The streams in log groups. */
export class LogStreams {
  readonly #archive: LogArchive;
  readonly #groups: LogGroups;
  readonly #maxStreams: number;

  constructor(archive: LogArchive, groups: LogGroups, maxStreams = MAX_STREAMS) {
    this.#archive = archive;
    this.#groups = groups;
    this.#maxStreams = maxStreams;
  }

  /** @throws ApiError ResourceNotFoundException for the group or the stream. */
  async get(owner: LogOwner, group: string, name: string): Promise<StreamRecord> {
    await this.#groups.get(owner, group);
    const stream = await this.#archive.stream(owner, group, name);
    if (stream === undefined) {
      throw new ApiError('ResourceNotFoundException', 'The specified log stream does not exist.');
    }
    return stream;
  }

  /** @throws ApiError ResourceAlreadyExistsException, LimitExceededException */
  async create(owner: LogOwner, group: string, name: string): Promise<void> {
    await this.#groups.get(owner, group);
    if ((await this.#archive.stream(owner, group, name)) !== undefined) {
      throw new ApiError('ResourceAlreadyExistsException', 'The specified log stream already exists');
    }
    if ((await this.#archive.countStreams(owner, group)) >= this.#maxStreams) {
      throw new ApiError(
        'LimitExceededException',
        `Resource limit exceeded: there are ${this.#maxStreams} log streams.`,
      );
    }
    if (!(await this.#archive.createStream(owner, group, name))) throw noRoom();
  }

  async delete(owner: LogOwner, group: string, name: string): Promise<void> {
    await this.get(owner, group, name);
    if (!(await this.#archive.deleteStream(owner, group, name))) throw noRoom();
  }

  /** @throws ApiError InvalidParameterException for a token that is none. */
  async list(
    owner: LogOwner,
    group: string,
    { prefix = '', by, descending, token, limit = PAGE }: StreamSelection,
  ): Promise<{ streams: StreamRecord[]; token: string | undefined }> {
    await this.#groups.get(owner, group);
    const sign = descending ? -1 : 1;
    const order = (a: Place, b: Place): number =>
      sign * (a.time - b.time || (a.name < b.name ? -1 : Number(a.name > b.name)));
    const placeOf = ({ name, lastEvent = 0 }: StreamRecord): Place => ({ name, time: by === 'name' ? 0 : lastEvent });
    let after: Place | undefined;
    if (token !== undefined) {
      const [time, name] = readToken(token, ['number', 'string']) as [number, string];
      after = { time, name };
    }
    const found = [...(await this.#archive.streams(owner, group)).values()]
      .filter((stream) => stream.name.startsWith(prefix) && (after === undefined || order(placeOf(stream), after) > 0))
      .sort((a, b) => order(placeOf(a), placeOf(b)));
    const streams = found.slice(0, limit);
    if (found.length <= limit) return { streams, token: undefined };
    const last = placeOf(streams.at(-1)!);
    return { streams, token: writeToken([last.time, last.name]) };
  }
}

interface Place {
  readonly time: number;
  readonly name: string;
}

/** What can't be kept is refused, so that whoever sends it can send it again. */
export function noRoom(): ApiError {
  return new ApiError(
    'ServiceUnavailableException',
    'The logs cannot be kept now: memory or disk has no room. Hint: see that the disk under the data directory has room.',
  );
}
