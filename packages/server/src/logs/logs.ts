import { LogEvents } from './log-events.ts';
import { LogGroups } from './log-groups.ts';
import { LogStreams } from './log-streams.ts';
import { LogWriting } from './log-writing.ts';
import type { LogArchive } from './ports.ts';

/** The logs of all accounts, as CloudWatch Logs offers them. */
export class Logs {
  readonly groups: LogGroups;
  readonly streams: LogStreams;
  readonly events: LogEvents;
  readonly writing: LogWriting;

  /** @param now milliseconds since the epoch. */
  constructor(archive: LogArchive, now: () => number) {
    this.groups = new LogGroups(archive, now);
    this.streams = new LogStreams(archive, this.groups);
    this.events = new LogEvents(archive, this.groups, this.streams, now);
    this.writing = new LogWriting(archive, this.groups, this.streams, now);
  }
}
