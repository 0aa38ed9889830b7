/** Whose logs: groups exist for each account and region. */
export interface LogOwner {
  /** 12 digits. */
  readonly account: string;
  /** As `us-east-1`. */
  readonly region: string;
}

/** What is known of a log group beside what was logged to it. All times are milliseconds since the epoch. */
export interface GroupRecord {
  readonly name: string;
  readonly created: number;
  /** Events are kept as long as there is room where there is none. */
  readonly retentionDays?: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface StreamRecord {
  readonly name: string;
  readonly created: number;
  /** Undefined as long as the stream is empty: when its events happened, and when the last one came. */
  readonly firstEvent: number | undefined;
  readonly lastEvent: number | undefined;
  readonly lastIngestion: number | undefined;
}

/** Where an event stands in its group: by its time, then in the order in which it came. Never changes, never the same. */
export interface EventKey {
  readonly timestamp: number;
  /** Whole numbers up to 2^53. */
  readonly block: number;
  readonly index: number;
}

export interface StoredEvent extends EventKey {
  readonly ingested: number;
  readonly stream: string;
  readonly message: string;
}

/** Which events of a group are wanted. */
export interface EventQuery {
  /** The first of those that match in the order of their keys, or the last. */
  readonly from: 'head' | 'tail';
  /** Only events behind or before this one. */
  readonly after?: EventKey;
  readonly before?: EventKey;
  /** Time of the first event, and of the first one that isn't wanted any more. */
  readonly start: number;
  readonly end: number;
  readonly stream?: (name: string) => boolean;
  readonly matches?: (message: string) => boolean;
  /** Events and bytes (26 more than the message for each) that are given at most, but always one. */
  readonly limit: number;
  readonly bytes: number;
  readonly signal?: AbortSignal;
}

export interface EventPage {
  /** In the order of their keys. */
  readonly events: readonly StoredEvent[];
  /** Whether there may be more in the direction that was asked for. */
  readonly more: boolean;
}

/** An event that someone puts into a stream. */
export interface NewEvent {
  readonly timestamp: number;
  readonly message: string;
}

/**
 * Where logs are kept. It bounds what it keeps by itself: the oldest goes first. Functions write to the same place by a
 * way of their own, and make the groups that they write to.
 */
export interface LogArchive {
  groups(owner: LogOwner): Promise<readonly GroupRecord[]>;
  group(owner: LogOwner, name: string): Promise<GroupRecord | undefined>;
  /** Makes a group or replaces what is known of it; resolves when that would survive a loss of power. */
  putGroup(owner: LogOwner, group: GroupRecord): Promise<void>;
  /** With all that is in it. */
  deleteGroup(owner: LogOwner, name: string): Promise<void>;
  /** About how many bytes a group takes. */
  storedBytes(owner: LogOwner, name: string): number;
  /** By name, in no particular order. */
  streams(owner: LogOwner, group: string): Promise<ReadonlyMap<string, StreamRecord>>;
  stream(owner: LogOwner, group: string, name: string): Promise<StreamRecord | undefined>;
  /** At least as many streams as a group has, quickly. */
  countStreams(owner: LogOwner, group: string): Promise<number>;
  /** These three resolve with whether it is on disk; false where there is no room. */
  createStream(owner: LogOwner, group: string, stream: string): Promise<boolean>;
  deleteStream(owner: LogOwner, group: string, stream: string): Promise<boolean>;
  append(owner: LogOwner, group: string, stream: string, events: readonly NewEvent[]): Promise<boolean>;
  /** @throws the signal's reason once it is aborted. */
  read(owner: LogOwner, group: string, query: EventQuery): Promise<EventPage>;
}
