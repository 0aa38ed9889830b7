import { hash, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type {
  CreateFunctionRequest,
  FunctionConfiguration,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { CodeRef, FunctionSpec, VersionReason } from '@hearth/protocol';
import { Aliases } from './aliases.ts';
import { chooseArchitecture } from './architecture.ts';
import type { Architecture } from './architecture.ts';
import type { Caller } from './caller.ts';
import { codeBytes } from './code-source.ts';
import { configuration } from './configuration.ts';
import { listFunctions } from './function-list.ts';
import { locate, qualifiedArn } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { checkCombinedSize, layersOf } from './layers/function-layers.ts';
import { Layers } from './layers/layers.ts';
import type { LayerStore } from './layers/ports.ts';
import { LIMITS } from './limits.ts';
import { checkPackage } from './package-check.ts';
import type { Page, PageRequest } from './paging.ts';
import { currentConfiguration } from './phases.ts';
import { Policies } from './policies.ts';
import type { Rollout, RuntimeShelf } from './ports.ts';
import { checkRevision, Registry, versionOf } from './registry.ts';
import type { FunctionsEvents, RegistryOptions } from './registry.ts';
import { ReservedConcurrency } from './reserved-concurrency.ts';
import { mergeSettings, newSettings } from './settings.ts';
import { Tagging } from './tagging.ts';
import { addTags } from './tags.ts';
import { refuseUnsupported } from './unsupported.ts';
import type { Chooser } from './updates/update.ts';
import { Updates } from './updates/updates.ts';
import { FunctionUrls } from './urls.ts';
import { publishedAs, Versions } from './versions.ts';

export interface FunctionsOptions extends RegistryOptions {
  readonly layers: LayerStore;
  readonly runtimes: RuntimeShelf;
  /** What this installation can run, the default first. */
  readonly architectures: readonly Architecture[];
  /** Executions of an account in a region at once; may change. */
  readonly concurrency: (account: string) => number;
  /** Where there is none, every change is live at once. */
  readonly rollout?: Rollout;
}

/** What an invocation of a name runs. */
export interface Resolution {
  readonly spec: FunctionSpec;
  /** Why it is this version. */
  readonly reason: VersionReason;
  /** Who chooses in the place of that, where `$LATEST` is being updated or could not be. */
  readonly chooser: Chooser | undefined;
  /** What runs instead with the probability `weight`, where an alias names two versions. */
  readonly other: FunctionSpec | undefined;
  /** 0 to 1. */
  readonly weight: number;
  /** As the function's context has it. */
  readonly invokedArn: string;
}

/**
 * The functions of all accounts: their code and settings here, all else in parts of their own. Reads are answered from
 * memory; a change is on disk before it is answered, and changes of one function exclude each other. All methods throw
 * ApiError as AWS answers.
 */
export class Functions extends EventEmitter<FunctionsEvents> implements AsyncDisposable {
  readonly versions: Versions;
  readonly aliases: Aliases;
  readonly layers: Layers;
  readonly policies: Policies;
  readonly concurrency: ReservedConcurrency;
  readonly tags: Tagging;
  readonly urls: FunctionUrls;
  readonly #options: FunctionsOptions;
  readonly #registry: Registry;
  readonly #updates: Updates;

  private constructor(options: FunctionsOptions) {
    super();
    this.#options = options;
    this.#registry = new Registry(options, this, (owner) => this.layers.codeBytes(owner));
    const updates = new Updates({ ...options, registry: this.#registry, events: this, rollout: options.rollout });
    this.#updates = updates;
    this.layers = new Layers({ store: options.layers, registry: this.#registry, now: options.now });
    this.versions = new Versions({ ...options, registry: this.#registry, updates });
    this.aliases = new Aliases(this.#registry, this, updates);
    this.policies = new Policies(this.#registry);
    this.concurrency = new ReservedConcurrency(this.#registry, this, options.concurrency);
    this.tags = new Tagging(this.#registry);
    this.urls = new FunctionUrls(this.#registry, this, options.now);
  }

  /** Loads all functions and layers, and deletes code that belongs to none. The stores stay the caller's to dispose. */
  static async open(options: FunctionsOptions): Promise<Functions> {
    const functions = new Functions(options);
    await functions.layers.load();
    await functions.#registry.load();
    functions.urls.load();
    return functions;
  }

  /** Takes up the updates that the last run of the server has not ended; to be called once, when functions can run. */
  resumeUpdates(): void {
    this.#updates.resume();
  }

  /** Leaves the updates that are under way to the next start; to be called before what runs functions stops. */
  pauseUpdates(): void {
    this.#updates[Symbol.dispose]();
  }

  /**
   * What an invocation of a name runs. Synchronous.
   *
   * @param action the operation's name in IAM, for AWS's message where the function is another account's.
   */
  resolve(caller: Caller, name: string, qualifier?: string, action = 'InvokeFunction'): Resolution {
    const { entry, version, alias, ...found } = this.#registry.find(caller, name, qualifier, action);
    const { additional } = alias ?? {};
    return {
      spec: (version ?? entry).spec,
      reason: version === undefined || alias !== undefined ? 'current' : 'pinned',
      chooser: version === undefined ? this.#updates.chooser(entry) : undefined,
      other: versionOf(entry, additional?.version)?.spec,
      weight: additional?.weight ?? 0,
      invokedArn: qualifiedArn(entry.record, found.qualifier),
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
    const layers = layersOf(this.layers, caller, request.Layers ?? []);
    const settings = newSettings(id.name, request, layers);
    const architecture = chooseArchitecture(this.#options.architectures, request.Architectures);
    const tags = addTags({}, request.Tags ?? {});
    const zip = codeBytes(request.Code ?? {});
    const exists = () => new ApiError('ResourceConflictException', `Function already exist: ${id.name}`);
    if (this.#registry.index.get(id) !== undefined) throw exists();
    const create = async (): Promise<FunctionConfiguration> => {
      checkCombinedSize(await checkPackage(zip), layers);
      this.#registry.checkStorage(id, zip.length * (request.Publish === true ? 2 : 1));
      const code = await this.#registry.code.store(zip);
      const made: FunctionRecord = {
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
      return this.#save(made, 'creating', { code: code.sha256, publish: request.Publish === true });
    };
    return this.#registry.exclusively(id, create, exists);
  }

  async updateCode(caller: Caller, request: UpdateFunctionCodeRequest): Promise<FunctionConfiguration> {
    refuseUnsupported({ PublishTo: request.PublishTo });
    const zip = codeBytes(request);
    return this.#change(caller, request, 'UpdateFunctionCode', async (old) => {
      const architecture =
        request.Architectures === undefined
          ? old.architecture
          : chooseArchitecture(this.#options.architectures, request.Architectures);
      checkCombinedSize(await checkPackage(zip), old.settings.layers ?? []);
      this.#registry.checkStorage(old, zip.length * (request.Publish === true ? 2 : 1) - old.code.size);
      if (request.DryRun === true) {
        const code = { sha256: hash('sha256', zip), size: zip.length };
        return configuration({ ...old, architecture, code }, 'settled', undefined);
      }
      const code = await this.#registry.code.store(zip);
      const changed = this.#revised({ ...old, architecture, code });
      const result = await this.#save(changed, 'updating', { code: code.sha256, publish: request.Publish === true });
      this.#registry.code.release(old.code.sha256);
      return result;
    });
  }

  updateConfiguration(caller: Caller, request: UpdateFunctionConfigurationRequest): Promise<FunctionConfiguration> {
    return this.#change(caller, request, 'UpdateFunctionConfiguration', async (old) => {
      const layers = request.Layers && layersOf(this.layers, caller, request.Layers);
      const changed = this.#revised({ ...old, settings: mergeSettings(old.settings, request, layers) });
      if (layers !== undefined && layers.length > 0) checkCombinedSize(await this.#unzippedSize(old.code), layers);
      return this.#save(changed, 'updating');
    });
  }

  /** Deletes a function with all that belongs to it, or with a qualifier one version. */
  async delete(caller: Caller, name: string, qualifier?: string): Promise<void> {
    const found = this.#registry.find(caller, name, qualifier, 'DeleteFunction');
    const { entry, version, alias } = found;
    if (alias !== undefined) {
      throw new ApiError('InvalidParameterValueException', 'Deletion of aliases is not currently supported.');
    }
    if (version !== undefined) return this.versions.delete(entry, version);
    if (found.qualifier !== undefined) {
      throw new ApiError(
        'InvalidParameterValueException',
        '$LATEST version cannot be deleted without deleting the function.',
      );
    }
    await this.#registry.exclusively(entry.record, async () => {
      await this.#registry.delete(entry);
      this.#updates.callOff(entry);
    });
  }

  /** A function or version as it is now, with where its code is and what belongs to the function alone. */
  get(
    caller: Caller,
    name: string,
    qualifier: string | undefined,
    action: string,
  ): { configuration: FunctionConfiguration; code: CodeRef; function: FunctionRecord } {
    const found = this.#registry.find(caller, name, qualifier, action);
    const { record } = found.version ?? found.entry;
    return {
      configuration: this.#updates.isRunning(record)
        ? configuration(record, 'updating', found.qualifier)
        : currentConfiguration(record, found.qualifier, this.#options.runtimes),
      code: record.code,
      function: found.entry.record,
    };
  }

  /** The caller's functions by name. @param versions whether each is followed by its versions. */
  list({ account, region }: Caller, request: PageRequest & { versions: boolean }): Page<FunctionConfiguration> {
    return listFunctions((first) => this.#registry.index.from(account, region, first), request);
  }

  /** Whether an account has a function or a layer in any region. */
  hasAny(account: string): boolean {
    return this.#registry.index.hasAny(account) || this.layers.hasAny(account);
  }

  /** What the caller's account has in this region, and what its functions without reserved concurrency share. */
  usage(caller: Caller): { functions: number; codeBytes: number; concurrency: number; unreserved: number } {
    const { reserved, ...usage } = this.#registry.index.usage(caller.account, caller.region);
    const concurrency = this.#options.concurrency(caller.account);
    return {
      ...usage,
      codeBytes: this.#registry.codeBytes(caller),
      concurrency,
      unreserved: this.concurrency.unreserved(caller.account, reserved),
    };
  }

  /** The bytes of some code or layer, by the hex SHA-256 of its zip file. */
  openCode(sha256: string): Promise<{ size: number; stream: Readable } | undefined> {
    return this.#options.blobs.open(sha256);
  }

  /** The zip file with this hash for an agent of the account's; undefined where no function of the account ever had it. */
  readCode(account: string, sha256: string): Readable | undefined {
    if (!this.#registry.index.ownsCode(account, sha256)) return undefined;
    return Readable.from(this.#readBlob(sha256), { objectMode: false });
  }

  async *#readBlob(sha256: string): AsyncGenerator<Buffer> {
    const blob = await this.openCode(sha256);
    if (blob === undefined) throw new Error(`code ${sha256} is not in the store any more`);
    yield* blob.stream as AsyncIterable<Buffer>;
  }

  /** Bytes of all files of code that is stored. */
  async #unzippedSize({ sha256 }: CodeRef): Promise<number> {
    return checkPackage(await buffer(this.#readBlob(sha256)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.removeAllListeners();
    this.#updates[Symbol.dispose]();
    await this.#registry[Symbol.asyncDispose]();
  }

  /** Checks the revision, excludes other changes, and changes. */
  async #change(
    caller: Caller,
    request: { FunctionName: string | undefined; RevisionId?: string | undefined },
    action: string,
    change: (old: FunctionRecord) => Promise<FunctionConfiguration>,
  ): Promise<FunctionConfiguration> {
    const { record } = this.#registry.findLatest(caller, request.FunctionName ?? '', action);
    this.#updates.checkNone(record);
    checkRevision(request.RevisionId, record.revisionId);
    return this.#registry.exclusively(record, () => change(record));
  }

  #revised(record: FunctionRecord): FunctionRecord {
    const revision = record.revision + 1;
    return { ...record, revision, revisionId: randomUUID(), lastModified: this.#options.now() };
  }

  /** Makes a new or changed function the one that runs, once it is on disk, and has it published where asked. */
  async #save(
    record: FunctionRecord,
    phase: 'creating' | 'updating',
    { code, publish = false }: { code?: string; publish?: boolean } = {},
  ): Promise<FunctionConfiguration> {
    const unchanged = publish ? publishedAs(record, this.#registry.index.get(record)) : undefined;
    const published = publish && unchanged === undefined ? this.versions.next(record) : undefined;
    const before = this.#registry.index.get(record);
    const prepared = this.#updates.prepare(published?.record ?? record);
    const entry = await this.#registry.save(prepared, { code, version: published?.version });
    this.#options.runtimes.want(record.settings.runtime);
    if (before !== undefined) this.#updates.begin(entry, before);
    if (unchanged !== undefined) return this.versions.show(unchanged.record);
    const made = published?.version;
    return made === undefined
      ? configuration(record, phase, undefined)
      : configuration(made, phase, String(made.version));
  }
}
