import { ApiError } from '@hearth/protocol';
import type { LogGroups } from './log-groups.ts';
import { noRoom } from './log-streams.ts';
import type { LogStreams } from './log-streams.ts';
import type { LogArchive, LogOwner, NewEvent } from './ports.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What a batch may be. AWS takes events of 1 MB by now; 256 KB was its limit for long, and is what a log keeps in one piece.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
 */
const BATCH = {
  bytes: 1_048_576,
  eventBytes: 262_144,
  /** Counted for each event beside its message. */
  overhead: 26,
  future: 2 * HOUR_MS,
  past: 14 * DAY_MS,
  span: DAY_MS,
};

/** Which events of a batch were left out; the indexes are AWS's: `End` is the first that is not too old. */
export interface Rejected {
  readonly tooNewLogEventStartIndex?: number;
  readonly tooOldLogEventEndIndex?: number;
  readonly expiredLogEventEndIndex?: number;
}

/** Puts events into streams. */
export class LogWriting {
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
   * Resolves when the events are on disk, with those that were left out.
   *
   * @throws ApiError ResourceNotFoundException, InvalidParameterException, ServiceUnavailableException
   */
  async put(
    owner: LogOwner,
    group: string,
    stream: string,
    events: readonly NewEvent[],
  ): Promise<Rejected | undefined> {
    checkSize(events);
    const { retentionDays } = await this.#groups.get(owner, group);
    await this.#streams.get(owner, group, stream);
    const now = this.#now();
    const tooOld = firstFrom(events, now - BATCH.past);
    const expired = retentionDays === undefined ? 0 : firstFrom(events, now - retentionDays * DAY_MS);
    const tooNew = firstFrom(events, now + BATCH.future + 1);
    const good = events.slice(Math.max(tooOld, expired), tooNew);
    if (good.length > 0) {
      if (good.at(-1)!.timestamp - good[0]!.timestamp > BATCH.span) {
        throw new ApiError(
          'InvalidParameterException',
          'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.',
        );
      }
      if (!(await this.#archive.append(owner, group, stream, good))) throw noRoom();
    }
    if (good.length === events.length) return undefined;
    return {
      ...(tooNew < events.length ? { tooNewLogEventStartIndex: tooNew } : {}),
      ...(tooOld > 0 ? { tooOldLogEventEndIndex: tooOld } : {}),
      ...(expired > 0 ? { expiredLogEventEndIndex: expired } : {}),
    };
  }
}

function checkSize(events: readonly NewEvent[]): void {
  let total = 0;
  for (const [index, { timestamp, message }] of events.entries()) {
    const bytes = Buffer.byteLength(message) + BATCH.overhead;
    total += bytes;
    if (bytes > BATCH.eventBytes) {
      const text = `Log event too large: ${bytes} bytes exceeds limit of ${BATCH.eventBytes}`;
      throw new ApiError('InvalidParameterException', text);
    }
    if (index > 0 && timestamp < events[index - 1]!.timestamp) {
      throw new ApiError(
        'InvalidParameterException',
        'Log events in a single PutLogEvents request must be in chronological order.',
      );
    }
  }
  if (total > BATCH.bytes) {
    const text = `Upload too large: ${total} bytes exceeds limit of ${BATCH.bytes}`;
    throw new ApiError('InvalidParameterException', text);
  }
}

/** The index of the first event at or after a time; how many there are where there is none. */
function firstFrom(events: readonly NewEvent[], time: number): number {
  const index = events.findIndex(({ timestamp }) => timestamp >= time);
  return index < 0 ? events.length : index;
}
