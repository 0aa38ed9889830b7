import { hash, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type {
  CreateFunctionRequest,
  FunctionConfiguration,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { CodeRef } from '@hearth/protocol';
import { readArchive } from './archive.ts';
import { chooseArchitecture } from './architecture.ts';
import type { Architecture } from './architecture.ts';
import type { Caller } from './caller.ts';
import type { CapacityProviders } from './capacity-providers/capacity-providers.ts';
import { codeBytes } from './code-source.ts';
import { configuration } from './configuration.ts';
import { locate } from './function-name.ts';
import type { FunctionRecord, FunctionSettings } from './function-record.ts';
import { checkCombinedSize, layersOf } from './layers/function-layers.ts';
import type { Layers } from './layers/layers.ts';
import { LIMITS } from './limits.ts';
import { checkPackage } from './package-check.ts';
import type { BlobStore, RuntimeShelf } from './ports.ts';
import { checkRevision } from './registry.ts';
import type { Registry } from './registry.ts';
import { mergeSettings, newSettings } from './settings.ts';
import { addTags } from './tags.ts';
import { refuseUnsupported } from './unsupported.ts';
import type { Updates } from './updates/updates.ts';
import { publishedAs } from './versions.ts';
import type { Versions } from './versions.ts';

export interface LifecycleOptions {
  readonly registry: Registry;
  readonly updates: Updates;
  readonly versions: Versions;
  readonly layers: Layers;
  readonly capacityProviders: CapacityProviders;
  readonly blobs: BlobStore;
  readonly runtimes: RuntimeShelf;
  /** What this installation can run, the default first. */
  readonly architectures: readonly Architecture[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * How functions come, change their code and settings, and go. Changes of one function exclude each other: the second is answered
 * ResourceConflictException.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #registry: Registry;
  readonly #updates: Updates;
  readonly #versions: Versions;
  readonly #layers: Layers;

  constructor(options: LifecycleOptions) {
    this.#options = options;
    this.#registry = options.registry;
    this.#updates = options.updates;
    this.#versions = options.versions;
    this.#layers = options.layers;
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
    const layers = layersOf(this.#layers, caller, request.Layers ?? []);
    const settings = newSettings(id.name, request, layers);
    this.#checkProvider(caller, settings);
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
      const layers = request.Layers && layersOf(this.#layers, caller, request.Layers);
      const settings = mergeSettings(old.settings, request, layers);
      this.#checkProvider(caller, settings);
      const changed = this.#revised({ ...old, settings });
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
    if (version !== undefined) return this.#versions.delete(entry, version);
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

  #checkProvider(caller: Caller, { capacityProvider }: FunctionSettings): void {
    if (capacityProvider !== undefined) this.#options.capacityProviders.check(caller, capacityProvider.arn);
  }

  /** Bytes of all files of code that is stored. */
  async #unzippedSize({ sha256 }: CodeRef): Promise<number> {
    return checkPackage(await buffer(readArchive(this.#options.blobs, sha256)));
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
    const published = publish && unchanged === undefined ? this.#versions.next(record) : undefined;
    const before = this.#registry.index.get(record);
    const prepared = this.#updates.prepare(published?.record ?? record);
    const entry = await this.#registry.save(prepared, { code, version: published?.version });
    this.#options.runtimes.want(record.settings.runtime);
    if (before !== undefined) this.#updates.begin(entry, before);
    if (unchanged !== undefined) return this.#versions.show(unchanged.record);
    const made = published?.version;
    return made === undefined
      ? configuration(record, phase, undefined)
      : configuration(made, phase, String(made.version));
  }
}
