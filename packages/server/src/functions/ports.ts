import type { Readable } from 'node:stream';
import type { CodeRef, FunctionSpec, RuntimeId } from '@hearth/protocol';
import type { FunctionId, FunctionRecord, VersionRecord } from './function-record.ts';

/** Where functions are kept. Every adapter passes storage/conformance/metadata-store.ts. */
export interface MetadataStore extends AsyncDisposable {
  /** All functions and all their versions, in no particular order. */
  all(): Promise<{ functions: FunctionRecord[]; versions: VersionRecord[] }>;
  /**
   * Resolves once the record would survive a loss of power; replaces what was there.
   *
   * @param published a version of the function that is written with it: both or neither.
   */
  put(record: FunctionRecord, published?: VersionRecord): Promise<void>;
  /** Writes a version alone, of a function that is there; rejects where it isn't. */
  putVersion(version: VersionRecord): Promise<void>;
  /** Resolves once the record and all versions are gone for good; a function that isn't there is no error. */
  delete(id: FunctionId): Promise<void>;
  /** The same for one version. */
  deleteVersion(id: FunctionId, version: number): Promise<void>;
}

/** Where code is kept, by content. Every adapter passes storage/conformance/blob-store.ts. */
export interface BlobStore {
  /** Resolves once the bytes would survive a loss of power. Putting the same bytes again costs nothing. */
  put(bytes: Buffer): Promise<CodeRef>;
  /** Undefined where there is no such blob. The reader must be read to its end or destroyed. */
  open(sha256: string): Promise<{ size: number; stream: Readable } | undefined>;
  /** A blob that isn't there is no error. */
  delete(sha256: string): Promise<void>;
  /** The hex SHA-256 of every blob. */
  list(): Promise<string[]>;
}

/** What runs functions, as far as changes of them go. */
export interface Rollout {
  /** Whether a sandbox of this version is ready to run: then another version has to be made ready before it takes over. */
  isWarm(spec: FunctionSpec): boolean;
  /**
   * Resolves when `next` can take over the load of `old`; undefined where that needs nothing. Rejects with a RolloutError where `next`
   * can't, and with the signal's reason where that is aborted.
   */
  prepare(old: FunctionSpec, next: FunctionSpec, signal: AbortSignal): Promise<void> | undefined;
  /** Resolves when everything that `old` was asked for before `changed` was said has begun; undefined where that is so already. */
  begun(old: FunctionSpec): Promise<void> | undefined;
}

/** What keeps sandboxes of versions initialised. */
export interface Provisioner {
  state(spec: FunctionSpec): ProvisionedState;
}

/** How far it has got with one version. */
export interface ProvisionedState {
  /** Sandboxes that are initialised and kept, whether they execute or not. */
  readonly ready: number;
  /** Why others can't be had at present, for people; undefined where they can, or all are there. */
  readonly failure: string | undefined;
}

/** The runtimes that functions name. */
export interface RuntimeShelf {
  state(runtime: RuntimeId): 'ready' | 'absent' | 'fetching' | 'failed';
  /** Why it could not be fetched, for people; undefined unless its state is `failed`. */
  failure(runtime: RuntimeId): string | undefined;
  /** Has it fetched in the background, unless it is there or on its way. */
  want(runtime: RuntimeId): void;
}
