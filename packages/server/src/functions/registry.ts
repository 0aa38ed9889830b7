import type { EventEmitter } from 'node:events';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { CodeCollector } from './code-collector.ts';
import type { CollectorOptions } from './code-collector.ts';
import { checkForeignAccess } from './foreign-access.ts';
import { FunctionIndex } from './function-index.ts';
import type { Entry, VersionEntry } from './function-index.ts';
import { functionArn, locateAnywhere, qualifiedArn } from './function-name.ts';
import { archivesOf, layerArchivesOf, servingArchivesOf } from './function-record.ts';
import type { AliasRecord, FunctionId, FunctionRecord, VersionRecord } from './function-record.ts';
import { LIMITS } from './limits.ts';
import type { BlobStore, MetadataStore } from './ports.ts';
import { provisionedSpecs } from './provisioned-record.ts';
import { Turns } from './turns.ts';

export interface FunctionsEvents {
  /** Invocations of `$LATEST` resolved from now on run `next`; sandboxes of `old` serve no new one. */
  changed: [old: FunctionSpec, next: FunctionSpec];
  /** A published version is deleted. */
  versionDeleted: [old: FunctionSpec];
  /** A function is deleted; `versionDeleted` was said of each of its versions before. */
  deleted: [old: FunctionSpec];
  /** An update of `$LATEST` has begun or ended: what invocations run is to be resolved anew. */
  updating: [old: FunctionSpec];
  /** A version that was to take over never will. */
  abandoned: [next: FunctionSpec];
  /** An alias of the function is another from now on, or is gone. */
  aliased: [spec: FunctionSpec];
  /** So many sandboxes of a published version are to be kept initialised from now on; none any more of one that is deleted. */
  provisioned: [spec: FunctionSpec, count: number];
  /** A version keeps so many sandboxes from now on, and may have so many. */
  scaled: [spec: FunctionSpec, scaling: { readonly min: number; readonly max: number }];
  /** A capacity provider may have so many processors from now on; with undefined it is no more. */
  capacityProvider: [arn: string, maxVCpus: number | undefined];
  /** The function's tags are others from now on. */
  tagged: [spec: FunctionSpec];
  /** The function's reserved concurrency is another from now on; with undefined it has none. */
  reserved: [spec: FunctionSpec, count: number | undefined];
}

/** What a name and a qualifier mean. */
export interface Found {
  readonly entry: Entry;
  /** As in the request. */
  readonly qualifier: string | undefined;
  /** The published version that is meant, by number or by alias; undefined where it is `$LATEST`. */
  readonly version: VersionEntry | undefined;
  /** The alias that is meant. */
  readonly alias: AliasRecord | undefined;
}

export interface RegistryOptions extends CollectorOptions {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
}

/**
 * The core that all changes of functions go through: finds them by name and qualifier, has one change of a function at a
 * time, writes it down, and only then lets it be seen.
 */
export class Registry implements AsyncDisposable {
  readonly index = new FunctionIndex();
  readonly code: CodeCollector;
  readonly #metadata: MetadataStore;
  readonly #events: EventEmitter<FunctionsEvents>;
  readonly #layerBytes: (owner: Caller) => number;
  readonly #turns = new Turns();

  /** @param layerBytes of an account in a region: they share the limit with code. */
  constructor(options: RegistryOptions, events: EventEmitter<FunctionsEvents>, layerBytes: (owner: Caller) => number) {
    this.#metadata = options.metadata;
    this.#events = events;
    this.#layerBytes = layerBytes;
    this.code = new CodeCollector(options.blobs, options);
  }

  /** Loads all functions, and deletes code that belongs to none and to no layer that was loaded before. */
  async load(): Promise<void> {
    const { functions, versions } = await this.#metadata.all();
    for (const record of functions) {
      this.index.set(record);
      this.code.retain(...archivesOf(record), ...servingArchivesOf(record));
    }
    for (const record of versions.sort((a, b) => a.version - b.version)) {
      this.index.addVersion(record);
      this.code.retain(...archivesOf(record));
    }
    await this.code.deleteOrphans();
  }

  /**
   * What a name means, with the qualifier in it or beside it.
   *
   * @param action the operation's name in IAM, which a policy must allow where the function is another account's.
   * @throws ApiError ResourceNotFoundException, AccessDeniedException, and as `locateAnywhere` does.
   */
  find(caller: Caller, name: string, qualifier: string | undefined, action: string): Found {
    const located = locateAnywhere(caller, name, qualifier);
    const { id, qualifier: meant } = located;
    const entry = this.index.get(id);
    if (id.account !== caller.account) checkForeignAccess(caller, located, entry?.record, action);
    if (entry === undefined) throw notFound(qualifiedArn(id, meant));
    const alias = entry.record.aliases?.find((one) => one.name === meant);
    return { entry, qualifier: meant, alias, version: versionOf(entry, alias?.version ?? meant) };
  }

  /** For what belongs to a function and to no version of it: names with a qualifier are refused as AWS does. */
  findFunction(caller: Caller, name: string, action: string): Entry {
    const { entry, qualifier } = this.find(caller, name, undefined, action);
    if (qualifier !== undefined) throw functionsOnly();
    return entry;
  }

  /** For changes of code and settings: the function, which may be named as `$LATEST` too. */
  findLatest(caller: Caller, name: string, action: string): Entry {
    const { entry, qualifier } = this.find(caller, name, undefined, action);
    if (qualifier !== undefined && qualifier !== '$LATEST') {
      throw new ApiError(
        'InvalidParameterValueException',
        'Current operation does not support versions other than $LATEST.',
      );
    }
    return entry;
  }

  /**
   * Runs a change of a function while no other does.
   *
   * @throws ApiError what `conflict` makes, where another change is under way.
   */
  async exclusively<T>(
    id: FunctionId,
    change: () => Promise<T>,
    conflict: (arn: string) => ApiError = updateInProgress,
  ): Promise<T> {
    return this.#turns.exclusively(functionArn(id), change, conflict);
  }

  /**
   * Runs a change of a function once no other does. For what is quickly done, and what tools do several of at once: to
   * its aliases, permissions and tags.
   *
   * @param find the function, before waiting and after: it may be another by then, or gone.
   */
  async inTurn<T>(find: () => Entry, change: (entry: Entry) => Promise<T>): Promise<T> {
    return this.#turns.inTurn(functionArn(find().record), () => change(find()));
  }

  /**
   * Makes a record the function, once it is on disk; says `changed` where what runs is another.
   *
   * @param made.code hash of code that was stored for it, which is let go of where it can't be written.
   * @param made.version to be published with it.
   */
  async save(
    record: FunctionRecord,
    made: { code?: string | undefined; version?: VersionRecord | undefined } = {},
  ): Promise<Entry> {
    const layers = layerArchivesOf(record);
    this.code.retain(...layers);
    try {
      await this.#metadata.put(record, made.version);
    } catch (error) {
      if (made.code !== undefined) this.code.release(made.code);
      this.code.release(...layers);
      throw error;
    }
    const old = this.index.get(record);
    if (old !== undefined) this.code.release(...layerArchivesOf(old.record));
    const next = this.index.set(record);
    this.code.retain(...servingArchivesOf(record));
    if (old !== undefined) this.code.release(...servingArchivesOf(old.record));
    if (made.version !== undefined) {
      this.code.retain(...archivesOf(made.version));
      this.index.addVersion(made.version);
    }
    if (old !== undefined && old.spec !== next.spec) this.#events.emit('changed', old.spec, next.spec);
    if (old !== undefined) this.#emitProvisioned(old, next);
    return next;
  }

  #emitProvisioned(old: Entry, next: Entry): void {
    if (old.record.provisioned === undefined && next.record.provisioned === undefined) return;
    const before = provisionedSpecs(old);
    const after = provisionedSpecs(next);
    // What is given back first makes room for the rest.
    for (const spec of before.keys()) if (!after.has(spec)) this.#events.emit('provisioned', spec, 0);
    for (const [spec, count] of after) if (before.get(spec) !== count) this.#events.emit('provisioned', spec, count);
  }

  async delete(entry: Entry): Promise<void> {
    const { record, spec, versions } = entry;
    await this.#metadata.delete(record);
    this.index.delete(record);
    this.code.release(...archivesOf(record), ...servingArchivesOf(record));
    for (const version of versions.values()) {
      this.code.release(...archivesOf(version.record));
      this.#events.emit('versionDeleted', version.spec);
    }
    this.#events.emit('deleted', spec);
  }

  async deleteVersion({ record, spec }: VersionEntry): Promise<void> {
    await this.#metadata.deleteVersion(record, record.version);
    this.index.deleteVersion(record);
    this.code.release(...archivesOf(record));
    this.#events.emit('versionDeleted', spec);
  }

  /** Bytes of all code and layers of an account in a region. */
  codeBytes(owner: Caller): number {
    return this.index.usage(owner.account, owner.region).codeBytes + this.#layerBytes(owner);
  }

  /** @throws ApiError CodeStorageExceededException where an account would have so many bytes of code more than it may. */
  checkStorage(owner: Caller, more: number): void {
    if (this.codeBytes(owner) + more > LIMITS.totalCodeSize) {
      throw new ApiError('CodeStorageExceededException', 'Code storage limit exceeded.');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.code[Symbol.asyncDispose]();
  }
}

/**
 * A version of a function by its name; undefined for `$LATEST`.
 *
 * @throws ApiError ResourceNotFoundException
 */
export function versionOf({ record, versions }: Entry, version: string | undefined): VersionEntry | undefined {
  if (version === undefined || version === '$LATEST') return undefined;
  const found = /^[1-9]\d*$/.test(version) ? versions.get(Number(version)) : undefined;
  if (found === undefined) throw notFound(qualifiedArn(record, version));
  return found;
}

/**
 * @param current undefined where there is nothing to have a revision.
 * @param source the operations that show the current one.
 * @throws ApiError PreconditionFailedException where a request names another revision than the current one.
 */
export function checkRevision(
  asked: string | undefined,
  current: string | undefined,
  source = 'GetFunction/GetAlias',
): void {
  if (asked === undefined || asked === '' || asked === current) return;
  throw new ApiError(
    'PreconditionFailedException',
    `The Revision Id provided does not match the latest Revision Id. Call the ${source} API to retrieve the latest ` +
      'Revision Id',
  );
}

function notFound(arn: string): ApiError {
  return new ApiError('ResourceNotFoundException', `Function not found: ${arn}`);
}

export function updateInProgress(arn: string): ApiError {
  return new ApiError(
    'ResourceConflictException',
    `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
  );
}

/** AWS's answer where a setting is the function's and the name in the request is that of a version or alias. */
function functionsOnly(): ApiError {
  return new ApiError(
    'InvalidParameterValueException',
    'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please ' +
      'specify either a function name or an unqualified function ARN.',
  );
}
