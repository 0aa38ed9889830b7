import type { CodeRef, JsonLogs, RuntimeId } from '@hearth/protocol';
import type { PolicyRecord } from './policy-document.ts';
import type { ProvisionedRecord } from './provisioned-record.ts';
import type { UrlRecord } from './url-record.ts';
import type { LayerRef } from './layers/layer-record.ts';

/** Which function: there is one per account, region and name. */
export interface FunctionId {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

/** AWS's LambdaManagedInstancesCapacityProviderConfig. */
export interface CapacityProviderSetting {
  readonly arn: string;
  /** Kept and shown: a sandbox runs one invocation at a time. */
  readonly perSandboxConcurrency?: number;
}

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
  /** Whether each tenant has sandboxes of his own; chosen when the function is made. */
  readonly tenancy?: 'PER_TENANT';
  /** Where it runs, where that is not on its account's common instances. */
  readonly capacityProvider?: CapacityProviderSetting;
  /** In the order in which they are merged; present where there is one at least. */
  readonly layers?: readonly LayerRef[];
}

/** What `$LATEST` and each published version have of their own: all that running one depends on. */
export interface RunnableRecord extends FunctionId {
  readonly settings: FunctionSettings;
  readonly architecture: 'x86_64' | 'arm64';
  readonly code: CodeRef;
  /** AWS's RevisionId, a UUID, new with each change. */
  readonly revisionId: string;
  /** Tells apart functions of one name that were made one after the other. */
  readonly uid: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

/** What serves as `$LATEST` while that is being updated, or after it could not be. */
export type ServingRecord = Pick<FunctionRecord, 'settings' | 'architecture' | 'code' | 'revision'>;

/** An update that isn't done, or has failed. JSON. */
export interface UpdateRecord {
  readonly status: 'in-progress' | 'failed';
  readonly serving: ServingRecord;
  /** Where it has failed: AWS's LastUpdateStatusReasonCode and LastUpdateStatusReason. */
  readonly code?: string;
  readonly reason?: string;
}

/** A function as it is stored: `$LATEST`, and what belongs to the function and to no version of it. JSON. */
export interface FunctionRecord extends RunnableRecord {
  readonly tags: Readonly<Record<string, string>>;
  /** AWS's ReservedConcurrentExecutions, where set; a setting of the function, not of a version. */
  readonly reservedConcurrency?: number;
  /** Of versions; absent where there is none. */
  readonly scaling?: readonly ScalingRecord[];
  /** By alias or version; absent where there is none. */
  readonly provisioned?: readonly ProvisionedRecord[];
  /** One at most for the function itself and for each alias. */
  readonly urls?: readonly UrlRecord[];
  /** Counts changes of code and settings; a part of the spec's key. */
  readonly revision: number;
  /** One for each qualifier at most; absent where there is none. */
  readonly policies?: readonly PolicyRecord[];
  /** By name; absent where there is none. */
  readonly aliases?: readonly AliasRecord[];
  /** The number that was published last, also where that version has been deleted; absent where none ever was. */
  readonly lastVersion?: number;
  /** Present while what runs as `$LATEST` is not what this record says. */
  readonly update?: UpdateRecord;
}

/** AWS's FunctionScalingConfig of one version. */
export interface ScalingRecord {
  readonly version: number;
  readonly min?: number;
  readonly max?: number;
}

/** A name for one version, or for two that share its invocations. A part of its function's record. */
export interface AliasRecord {
  readonly name: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  /** The second version, and its share of the invocations: 0 to 1. */
  readonly additional?: { readonly version: string; readonly weight: number };
  readonly description: string;
  /** AWS's RevisionId, a UUID, new with each change of the alias. */
  readonly revisionId: string;
}

/** A published version as it is stored: it never changes. JSON. */
export interface VersionRecord extends RunnableRecord {
  /** From 1 on. */
  readonly version: number;
  /** Of the version; that in the settings is the function's at the time. */
  readonly description: string;
}

type Runnable = Pick<RunnableRecord, 'code' | 'settings'>;

/** Hashes of the archives that running it takes: of its code and of its layers. */
export function archivesOf(record: Runnable): string[] {
  return [record.code.sha256, ...layerArchivesOf(record)];
}

export function layerArchivesOf({ settings: { layers = [] } }: Pick<Runnable, 'settings'>): string[] {
  return layers.map(({ sha256 }) => sha256);
}

/** The same of what serves while a function is updated; none where that is the function itself. */
export function servingArchivesOf({ update }: FunctionRecord): string[] {
  return update === undefined ? [] : archivesOf(update.serving);
}

/** As the API names it: `$LATEST` or a number. */
export function versionName(record: FunctionRecord | VersionRecord): string {
  return 'version' in record ? String(record.version) : '$LATEST';
}
