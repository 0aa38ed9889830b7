import type { CodeRef, JsonLogs, RuntimeId } from '@hearth/protocol';

/** What a person sets about how a function runs. */
export interface FunctionSettings {
  readonly runtime: RuntimeId;
  readonly handler: string;
  readonly role: string;
  readonly description: string;
  /** Seconds. */
  readonly timeout: number;
  /** MB. */
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  /** MB. */
  readonly ephemeralStorage: number;
  readonly tracing: 'PassThrough' | 'Active';
  readonly snapStart: 'None' | 'PublishedVersions';
  readonly logGroup: string;
  /** Present where LogFormat is JSON. */
  readonly jsonLogs?: JsonLogs;
  /** ARN of the queue or topic for events that failed; kept for when asynchronous invocations are served. */
  readonly deadLetterTarget?: string;
}

/** A function as it is stored: the whole truth about it apart from the bytes of its code. JSON. */
export interface FunctionRecord {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly settings: FunctionSettings;
  readonly architecture: 'x86_64' | 'arm64';
  readonly code: CodeRef;
  readonly tags: Readonly<Record<string, string>>;
  /** AWS's ReservedConcurrentExecutions, where set; a setting of the function, not of a version. */
  readonly reservedConcurrency?: number;
  /** Counts changes of code and settings; a part of the spec's key. */
  readonly revision: number;
  /** AWS's RevisionId, a UUID, new with each change. */
  readonly revisionId: string;
  /** Tells apart functions of one name that were made one after the other. */
  readonly uid: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}
