import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import type {
  CreateFunctionRequest,
  FunctionConfiguration,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { CodeRef, FunctionSpec } from '@hearth/protocol';
import { Aliases } from './aliases.ts';
import type { Architecture } from './architecture.ts';
import { readArchive } from './archive.ts';
import type { Caller } from './caller.ts';
import { CapacityProviders } from './capacity-providers/capacity-providers.ts';
import type { CapacityProviderStore } from './capacity-providers/ports.ts';
import { configuration } from './configuration.ts';
import { deferralOf } from './deferral-policy.ts';
import type { DeferralPolicy } from './deferral-policy.ts';
import { FunctionScaling } from './function-scaling.ts';
import { listFunctions } from './function-list.ts';
import { qualifiedArn } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { Layers } from './layers/layers.ts';
import type { LayerStore } from './layers/ports.ts';
import { Lifecycle } from './lifecycle.ts';
import type { Page, PageRequest } from './paging.ts';
import { currentConfiguration } from './phases.ts';
import { Policies } from './policies.ts';
import type { Provisioner, Rollout, RuntimeShelf } from './ports.ts';
import { ProvisionedConcurrency } from './provisioned-concurrency.ts';
import { Registry, versionOf } from './registry.ts';
import type { FunctionsEvents, RegistryOptions } from './registry.ts';
import { Reservations } from './reservations.ts';
import { ReservedConcurrency } from './reserved-concurrency.ts';
import { Tagging } from './tagging.ts';
import type { Choice, Chooser } from './updates/update.ts';
import { Updates } from './updates/updates.ts';
import { FunctionUrls } from './urls.ts';
import { Versions } from './versions.ts';

export interface FunctionsOptions extends RegistryOptions {
  readonly layers: LayerStore;
  readonly capacityProviders: CapacityProviderStore;
  /** Processors of one instance. */
  readonly instanceCpus: number;
  readonly runtimes: RuntimeShelf;
  /** What this installation can run, the default first. */
  readonly architectures: readonly Architecture[];
  /** Executions of an account in a region at once; may change. */
  readonly concurrency: (account: string) => number;
  /** Where there is none, every change is live at once. */
  readonly rollout?: Rollout;
  /** Where there is none, provisioned concurrency stays in progress. */
  readonly provisioner?: Provisioner;
}

/** What an invocation of a name runs. */
export interface Resolution extends Choice {
  /** Who chooses in the place of that, where `$LATEST` is being updated or could not be. */
  readonly chooser: Chooser | undefined;
  /** What runs instead with the probability `weight`, where an alias names two versions. */
  readonly other: Choice | undefined;
  /** 0 to 1. */
  readonly weight: number;
  /** As the function's context has it. */
  readonly invokedArn: string;
  /** How long it may wait for a cheaper time, where the function's invocations are not time-sensitive. */
  readonly deferrable: DeferralPolicy | undefined;
}

/**
 * The functions of all accounts, as other rooms see them: found here, and changed by the parts. Reads are answered from
 * memory; a change is on disk before it is answered, and changes of one function exclude each other. All methods throw
 * ApiError as AWS answers.
 */
export class Functions extends EventEmitter<FunctionsEvents> implements AsyncDisposable {
  readonly versions: Versions;
  readonly aliases: Aliases;
  readonly layers: Layers;
  readonly capacityProviders: CapacityProviders;
  readonly scaling: FunctionScaling;
  readonly policies: Policies;
  readonly concurrency: ReservedConcurrency;
  readonly provisioned: ProvisionedConcurrency;
  readonly tags: Tagging;
  readonly urls: FunctionUrls;
  readonly #options: FunctionsOptions;
  readonly #registry: Registry;
  readonly #updates: Updates;
  readonly #lifecycle: Lifecycle;

  private constructor(options: FunctionsOptions) {
    super();
    this.#options = options;
    this.#registry = new Registry(options, this, (owner) => this.layers.codeBytes(owner));
    const updates = new Updates({ ...options, registry: this.#registry, events: this, rollout: options.rollout });
    this.#updates = updates;
    this.layers = new Layers({ store: options.layers, registry: this.#registry, now: options.now });
    this.capacityProviders = new CapacityProviders({
      ...options,
      store: options.capacityProviders,
      registry: this.#registry,
      events: this,
    });
    this.scaling = new FunctionScaling(this.#registry, this);
    this.versions = new Versions({ ...options, registry: this.#registry, updates });
    this.aliases = new Aliases(this.#registry, this, updates);
    this.policies = new Policies(this.#registry);
    const reservations = new Reservations(options.concurrency);
    this.concurrency = new ReservedConcurrency(this.#registry, this, reservations);
    this.provisioned = new ProvisionedConcurrency({
      registry: this.#registry,
      reservations,
      provisioner: options.provisioner,
      now: options.now,
    });
    this.tags = new Tagging(this.#registry, this);
    this.#lifecycle = new Lifecycle({
      ...options,
      registry: this.#registry,
      updates,
      versions: this.versions,
      layers: this.layers,
      capacityProviders: this.capacityProviders,
    });
    this.urls = new FunctionUrls(this.#registry, this, options.now);
  }

  /** Loads all functions and layers, and deletes code that belongs to none. The stores stay the caller's to dispose. */
  static async open(options: FunctionsOptions): Promise<Functions> {
    const functions = new Functions(options);
    await functions.layers.load();
    await functions.capacityProviders.load();
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
   * @param action the operation's name in IAM, which a policy must allow where the function is another account's.
   */
  resolve(caller: Caller, name: string, qualifier?: string, action = 'InvokeFunction'): Resolution {
    const { entry, version, alias, ...found } = this.#registry.find(caller, name, qualifier, action);
    const { additional } = alias ?? {};
    const other = versionOf(entry, additional?.version);
    return {
      spec: (version ?? entry).spec,
      reason: version === undefined || alias !== undefined ? 'current' : 'pinned',
      chooser: version === undefined ? this.#updates.chooser(entry) : undefined,
      other: other && { spec: other.spec, reason: 'current' },
      weight: additional?.weight ?? 0,
      invokedArn: qualifiedArn(entry.record, found.qualifier),
      deferrable: deferralOf(entry.record.tags),
    };
  }

  /** The version that a name means to its own account, as `resolve` finds it; undefined where there is none. Never throws. */
  find(caller: Caller, name: string): FunctionSpec | undefined {
    try {
      return this.resolve(caller, name).spec;
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  /** See {@link Lifecycle.create}. */
  create(caller: Caller, request: CreateFunctionRequest): Promise<FunctionConfiguration> {
    return this.#lifecycle.create(caller, request);
  }

  /** See {@link Lifecycle.updateCode}. */
  updateCode(caller: Caller, request: UpdateFunctionCodeRequest): Promise<FunctionConfiguration> {
    return this.#lifecycle.updateCode(caller, request);
  }

  /** See {@link Lifecycle.updateConfiguration}. */
  updateConfiguration(caller: Caller, request: UpdateFunctionConfigurationRequest): Promise<FunctionConfiguration> {
    return this.#lifecycle.updateConfiguration(caller, request);
  }

  /** See {@link Lifecycle.delete}. */
  delete(caller: Caller, name: string, qualifier?: string): Promise<void> {
    return this.#lifecycle.delete(caller, name, qualifier);
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
    return this.#registry.index.ownsCode(account, sha256) ? readArchive(this.#options.blobs, sha256) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.removeAllListeners();
    this.#updates[Symbol.dispose]();
    await this.#registry[Symbol.asyncDispose]();
  }
}
