import { hash, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type {
  CreateFunctionRequest,
  FunctionConfiguration,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import { chooseArchitecture } from './architecture.ts';
import type { Architecture } from './architecture.ts';
import { CodeCollector } from './code-collector.ts';
import { codeBytes } from './code-source.ts';
import { configuration, listedConfiguration, type Phase } from './configuration.ts';
import { FunctionIndex } from './function-index.ts';
import type { Entry } from './function-index.ts';
import { functionArn, locate } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { LIMITS } from './limits.ts';
import { checkPackage } from './package-check.ts';
import type { BlobStore, FunctionId, MetadataStore, RuntimeShelf } from './ports.ts';
import { Reservations } from './reservations.ts';
import { mergeSettings, newSettings } from './settings.ts';
import { addTags, removeTags } from './tags.ts';

/** On whose behalf, and where. */
export interface Caller {
  readonly account: string;
  readonly region: string;
}

export interface FunctionsOptions {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
  readonly runtimes: RuntimeShelf;
  /** What this installation can run, the default first. */
  readonly architectures: readonly Architecture[];
  /** Executions of an account in a region at once; may change. */
  readonly concurrency: (account: string) => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls back after some milliseconds, without keeping the process alive. */
  readonly schedule: (milliseconds: number, callback: () => void) => Disposable;
  /** Told what went wrong in the background. */
  readonly onError: (error: unknown) => void;
}

export interface FunctionsEvents {
  /** Invocations resolved from now on run `next`; sandboxes of `old` serve no new one. */
  changed: [old: FunctionSpec, next: FunctionSpec];
  deleted: [old: FunctionSpec];
  /** The function's reserved concurrency is another from now on; with undefined it has none. */
  reserved: [spec: FunctionSpec, count: number | undefined];
}

/**
 * The functions of all accounts. Reads are answered from memory; a change is on disk before it is answered, and
 * changes of one function exclude each other. All methods throw ApiError as AWS answers.
 */
export class Functions extends EventEmitter<FunctionsEvents> implements AsyncDisposable {
  readonly #options: FunctionsOptions;
  readonly #index = new FunctionIndex();
  readonly #collector: CodeCollector;
  readonly #reservations: Reservations;
  /** ARNs of functions that are being changed. */
  readonly #changing = new Set<string>();

  private constructor(options: FunctionsOptions) {
    super();
    this.#options = options;
    this.#collector = new CodeCollector(options.blobs, options);
    this.#reservations = new Reservations(options.concurrency);
  }

  /** Loads all functions, and deletes code that belongs to none. The stores stay the caller's to dispose. */
  static async open(options: FunctionsOptions): Promise<Functions> {
    const functions = new Functions(options);
    for (const record of await options.metadata.all()) {
      functions.#index.set(record);
      functions.#collector.retain(record.code.sha256);
    }
    await functions.#collector.deleteOrphans();
    return functions;
  }

  /**
   * What an invocation of a name runs. Synchronous.
   *
   * @param action the operation's name in IAM, for AWS's message where the function is another account's.
   */
  resolve(
    caller: Caller,
    name: string,
    qualifier?: string,
    action = 'InvokeFunction',
  ): { spec: FunctionSpec; invokedArn: string; record: FunctionRecord } {
    const found = this.#find(caller, name, qualifier, action);
    const { functionArn: arn } = found.entry.spec;
    return {
      spec: found.entry.spec,
      invokedArn: found.qualifier === undefined ? arn : `${arn}:${found.qualifier}`,
      record: found.entry.record,
    };
  }

  async create(caller: Caller, request: CreateFunctionRequest): Promise<FunctionConfiguration> {
    const { id, qualifier } = locate(caller, request.FunctionName ?? '', undefined, 'CreateFunction');
    if (qualifier !== undefined) {
      throw new ApiError('InvalidParameterValueException', 'A new function is named without a qualifier.');
    }
    if (id.name.length > LIMITS.name) {
      throw new ApiError(
        'ValidationException',
        `1 validation error detected: Value '${id.name}' at 'functionName' failed to satisfy constraint: ` +
          `Member must have length less than or equal to ${LIMITS.name}`,
      );
    }
    const settings = newSettings(id.name, request);
    const architecture = chooseArchitecture(this.#options.architectures, request.Architectures);
    const tags = addTags({}, request.Tags ?? {});
    const zip = codeBytes(request.Code ?? {});
    const exists = () => new ApiError('ResourceConflictException', `Function already exist: ${id.name}`);
    const arn = functionArn(id);
    if (this.#index.get(id) !== undefined || this.#changing.has(arn)) throw exists();
    this.#changing.add(arn);
    try {
      await checkPackage(zip);
      this.#checkStorage(id, zip.length);
      const code = await this.#collector.store(zip);
      const record: FunctionRecord = {
        ...id,
        settings,
        architecture,
        code,
        tags,
        revision: 1,
        revisionId: randomUUID(),
        uid: randomUUID(),
        lastModified: this.#options.now(),
      };
      await this.#persist(record, code.sha256);
      this.#index.set(record);
      this.#options.runtimes.want(settings.runtime);
      return configuration(record, 'creating', false);
    } finally {
      this.#changing.delete(arn);
    }
  }

  async updateCode(caller: Caller, request: UpdateFunctionCodeRequest): Promise<FunctionConfiguration> {
    const zip = codeBytes(request);
    return this.#change(caller, request, 'UpdateFunctionCode', async (old, id) => {
      const architecture =
        request.Architectures === undefined
          ? old.architecture
          : chooseArchitecture(this.#options.architectures, request.Architectures);
      await checkPackage(zip);
      this.#checkStorage(id, zip.length - old.code.size);
      if (request.DryRun === true) {
        const code = { sha256: hash('sha256', zip), size: zip.length };
        return configuration({ ...old, architecture, code }, 'settled', false);
      }
      const code = await this.#collector.store(zip);
      const result = await this.#replace({ ...old, architecture, code }, code.sha256);
      this.#collector.release(old.code.sha256);
      return result;
    });
  }

  updateConfiguration(caller: Caller, request: UpdateFunctionConfigurationRequest): Promise<FunctionConfiguration> {
    return this.#change(caller, request, 'UpdateFunctionConfiguration', (old) =>
      this.#replace({ ...old, settings: mergeSettings(old.settings, request) }),
    );
  }

  async delete(caller: Caller, name: string, qualifier?: string): Promise<void> {
    const { entry } = this.#find(caller, name, qualifier, 'DeleteFunction');
    await this.#exclusively(entry.record, async () => {
      await this.#options.metadata.delete(entry.record);
      this.#index.delete(entry.record);
      this.#collector.release(entry.record.code.sha256);
    });
    this.emit('deleted', entry.spec);
  }

  get(caller: Caller, name: string, qualifier: string | undefined, action: string): FunctionConfiguration {
    const found = this.#find(caller, name, qualifier, action);
    const { record } = found.entry;
    const { phase, reason } = this.#phaseOf(record);
    return configuration(record, phase, found.qualifier !== undefined, reason);
  }

  /** A page of the caller's functions by name, and how to ask for the next one. */
  list(
    caller: Caller,
    { marker, maxItems, versions }: { marker?: string | undefined; maxItems?: number | undefined; versions: boolean },
  ): { functions: FunctionConfiguration[]; nextMarker: string | undefined } {
    const count = Math.min(maxItems ?? LIMITS.page, LIMITS.page);
    const after = marker === undefined ? '' : Buffer.from(marker, 'base64url').toString();
    if (marker !== undefined && !/^[a-zA-Z0-9-_]+$/.test(after)) {
      throw new ApiError('InvalidParameterValueException', 'The Marker is not one that ListFunctions returned.');
    }
    const { records, more } = this.#index.page(caller.account, caller.region, after, count);
    const last = records.at(-1);
    return {
      functions: records.map((record) => listedConfiguration(record, versions)),
      nextMarker: more && last !== undefined ? Buffer.from(last.name).toString('base64url') : undefined,
    };
  }

  /** Whether an account has a function in any region. */
  hasAny(account: string): boolean {
    return this.#index.hasAny(account);
  }

  /** What the caller's account has in this region, and what its functions without reserved concurrency share. */
  usage(caller: Caller): { functions: number; codeBytes: number; concurrency: number; unreserved: number } {
    const { reserved, ...usage } = this.#index.usage(caller.account, caller.region);
    const concurrency = this.#options.concurrency(caller.account);
    return { ...usage, concurrency, unreserved: this.#reservations.unreserved(caller.account, reserved) };
  }

  /** All functions that have reserved concurrency. */
  *reserving(): Iterable<{ spec: FunctionSpec; count: number }> {
    for (const { record, spec } of this.#index.all()) {
      if (record.reservedConcurrency !== undefined) yield { spec, count: record.reservedConcurrency };
    }
  }

  /** Sets a function's reserved concurrency, or with undefined gives it up. */
  async reserve(caller: Caller, name: string, count: number | undefined, action: string): Promise<void> {
    const entry = this.#findUnqualified(caller, name, action);
    const { reservedConcurrency: before = 0, ...rest } = entry.record;
    await this.#exclusively(rest, async () => {
      const { reserved } = this.#index.usage(rest.account, rest.region);
      using _claim = this.#reservations.claim(rest, reserved, (count ?? 0) - before);
      const record = count === undefined ? rest : { ...rest, reservedConcurrency: count };
      await this.#persist(record);
      this.#index.set(record);
      this.emit('reserved', entry.spec, count);
    });
  }

  /** A function's reserved concurrency; undefined where it has none. */
  reservation(caller: Caller, name: string, action: string): number | undefined {
    return this.#findUnqualified(caller, name, action).record.reservedConcurrency;
  }

  async tag(caller: Caller, arn: string, tags: Readonly<Record<string, string>>): Promise<void> {
    await this.#retag(caller, arn, 'TagResource', (old) => addTags(old, tags));
  }

  async untag(caller: Caller, arn: string, keys: readonly string[]): Promise<void> {
    await this.#retag(caller, arn, 'UntagResource', (old) => removeTags(old, keys));
  }

  tags(caller: Caller, arn: string): Readonly<Record<string, string>> {
    return this.#findUnqualified(caller, arn, 'ListTags').record.tags;
  }

  /** The bytes of some code, by the hex SHA-256 of its zip file. */
  openCode(sha256: string): Promise<{ size: number; stream: Readable } | undefined> {
    return this.#options.blobs.open(sha256);
  }

  /** The zip file with this hash for an agent of the account's; undefined where the account never had it. */
  readCode(account: string, sha256: string): Readable | undefined {
    if (!this.#index.ownsCode(account, sha256)) return undefined;
    return Readable.from(this.#readBlob(sha256), { objectMode: false });
  }

  async *#readBlob(sha256: string): AsyncGenerator<Buffer> {
    const blob = await this.openCode(sha256);
    if (blob === undefined) throw new Error(`code ${sha256} is not in the store any more`);
    yield* blob.stream as AsyncIterable<Buffer>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.removeAllListeners();
    await this.#collector[Symbol.asyncDispose]();
  }

  #find(caller: Caller, name: string, qualifier: string | undefined, action: string): Found {
    const located = locate(caller, name, qualifier, action);
    const entry = this.#index.get(located.id);
    if (entry === undefined || (located.qualifier !== undefined && located.qualifier !== '$LATEST')) {
      const arn = functionArn(located.id);
      throw new ApiError(
        'ResourceNotFoundException',
        `Function not found: ${located.qualifier === undefined ? arn : `${arn}:${located.qualifier}`}`,
      );
    }
    return { entry, qualifier: located.qualifier };
  }

  /** A function isn't ready before its runtime is there: until then AWS's waiters wait, and fail where it can't be had. */
  #phaseOf({ settings: { runtime }, revision }: FunctionRecord): { phase: Phase; reason?: string } {
    const { runtimes } = this.#options;
    const state = runtimes.state(runtime);
    if (state === 'ready') return { phase: 'settled' };
    const isNew = revision === 1;
    if (state === 'failed') return { phase: isNew ? 'not-created' : 'not-updated', reason: runtimes.failure(runtime)! };
    runtimes.want(runtime);
    return {
      phase: isNew ? 'creating' : 'updating',
      reason: `${runtime} is being fetched: it was not on this machine.`,
    };
  }

  /** For what belongs to a function and to no version of it. */
  #findUnqualified(caller: Caller, name: string, action: string): Entry {
    const { entry, qualifier } = this.#find(caller, name, undefined, action);
    if (qualifier !== undefined) throw functionsOnly();
    return entry;
  }

  /** Checks the revision, excludes other changes, and changes. */
  async #change(
    caller: Caller,
    request: { FunctionName: string | undefined; RevisionId?: string | undefined },
    action: string,
    change: (old: FunctionRecord, id: FunctionId) => Promise<FunctionConfiguration>,
  ): Promise<FunctionConfiguration> {
    const { entry } = this.#find(caller, request.FunctionName ?? '', undefined, action);
    const { record } = entry;
    if (request.RevisionId !== undefined && request.RevisionId !== '' && request.RevisionId !== record.revisionId) {
      throw new ApiError(
        'PreconditionFailedException',
        'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve ' +
          'the latest Revision Id',
      );
    }
    return this.#exclusively(record, () => change(record, record));
  }

  /** Makes a changed function the one that runs, once it is on disk. */
  async #replace(changed: FunctionRecord, stored?: string): Promise<FunctionConfiguration> {
    const old = this.#index.get(changed)!;
    const record = {
      ...changed,
      revision: old.record.revision + 1,
      revisionId: randomUUID(),
      lastModified: this.#options.now(),
    };
    await this.#persist(record, stored);
    const next = this.#index.set(record);
    this.#options.runtimes.want(record.settings.runtime);
    this.emit('changed', old.spec, next.spec);
    return configuration(record, 'updating', false);
  }

  async #retag(
    caller: Caller,
    arn: string,
    action: string,
    change: (old: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<void> {
    const entry = this.#findUnqualified(caller, arn, action);
    const record = { ...entry.record, tags: change(entry.record.tags) };
    await this.#exclusively(record, async () => {
      await this.#persist(record);
      this.#index.set(record);
    });
  }

  /** Writes a record; where that fails, lets go of the code that was stored for it. */
  async #persist(record: FunctionRecord, stored?: string): Promise<void> {
    try {
      await this.#options.metadata.put(record);
    } catch (error) {
      if (stored !== undefined) this.#collector.release(stored);
      throw error;
    }
  }

  async #exclusively<T>(id: FunctionId, change: () => Promise<T>): Promise<T> {
    const arn = functionArn(id);
    if (this.#changing.has(arn)) {
      throw new ApiError(
        'ResourceConflictException',
        `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
      );
    }
    this.#changing.add(arn);
    try {
      return await change();
    } finally {
      this.#changing.delete(arn);
    }
  }

  #checkStorage({ account, region }: FunctionId, more: number): void {
    if (this.#index.usage(account, region).codeBytes + more > LIMITS.totalCodeSize) {
      throw new ApiError('CodeStorageExceededException', 'Code storage limit exceeded.');
    }
  }
}

interface Found {
  readonly entry: Entry;
  readonly qualifier: string | undefined;
}

/** AWS's answer where a setting is the function's and the name in the request is that of a version or alias. */
function functionsOnly(): ApiError {
  return new ApiError(
    'InvalidParameterValueException',
    'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please ' +
      'specify either a function name or an unqualified function ARN.',
  );
}
