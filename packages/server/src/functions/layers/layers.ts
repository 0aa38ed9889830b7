import type {
  AddLayerVersionPermissionRequest,
  ListLayersRequest,
  ListLayerVersionsRequest,
  PublishLayerVersionRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Caller } from '../caller.ts';
import { codeBytes } from '../code-source.ts';
import { partition } from '../function-name.ts';
import { checkPackage } from '../package-check.ts';
import { pageOf } from '../paging.ts';
import type { Page } from '../paging.ts';
import type { Registry } from '../registry.ts';
import { unsupported } from '../unsupported.ts';
import { LayerIndex } from './layer-index.ts';
import { layerArn, layerVersionArn, locateLayer, parseLayerVersionArn } from './layer-name.ts';
import { checkRevision, mayUse, withoutStatement, withStatement } from './layer-policy.ts';
import type { LayerId, LayerPolicy, LayerStatement, LayerVersionId, LayerVersionRecord } from './layer-record.ts';
import type { LayerStore } from './ports.ts';

export interface LayersOptions {
  readonly store: LayerStore;
  /** Keeps the archives, and knows how much an account has of them. */
  readonly registry: Pick<Registry, 'code' | 'checkStorage'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * The layers of all accounts. Reads are answered from memory; a change is on disk before it is answered. All methods throw
 * ApiError as AWS answers.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
 */
export class Layers {
  readonly #options: LayersOptions;
  readonly #index = new LayerIndex();
  /** ARNs of versions that are being changed. */
  readonly #changing = new Set<string>();

  /** Its `load` is to be called first. The store stays the caller's to dispose. */
  constructor(options: LayersOptions) {
    this.#options = options;
  }

  /** Loads all layers and counts their uses of archives. */
  async load(): Promise<void> {
    const { layers, versions } = await this.#options.store.all();
    for (const layer of layers) this.#index.restore(layer);
    for (const record of versions) {
      this.#index.set(record);
      this.#options.registry.code.retain(record.code.sha256);
    }
  }

  /** Makes a version with the next number, which no version of the layer ever had. */
  async publish(caller: Caller, request: PublishLayerVersionRequest): Promise<LayerVersionRecord> {
    const id = this.#own(caller, request.LayerName, 'PublishLayerVersion');
    const zip = codeBytes(request.Content ?? {});
    const unzippedSize = await checkPackage(zip);
    const { registry, store } = this.#options;
    registry.checkStorage(caller, zip.length);
    const code = await registry.code.store(zip);
    const record: LayerVersionRecord = {
      ...id,
      version: this.#index.takeVersion(id),
      code,
      unzippedSize,
      description: request.Description ?? '',
      ...(request.LicenseInfo === undefined ? {} : { licenseInfo: request.LicenseInfo }),
      ...(request.CompatibleRuntimes === undefined ? {} : { compatibleRuntimes: request.CompatibleRuntimes }),
      ...(request.CompatibleArchitectures === undefined
        ? {}
        : { compatibleArchitectures: request.CompatibleArchitectures }),
      created: this.#options.now(),
    };
    try {
      await store.put(record);
    } catch (error) {
      registry.code.release(code.sha256);
      throw error;
    }
    this.#index.set(record);
    return record;
  }

  /** Also another account's that allows it. */
  get(caller: Caller, name: string | undefined, version: number | undefined): LayerVersionRecord {
    return this.#usable(caller, { ...locateLayer(caller, name ?? ''), version: version ?? 0 });
  }

  getByArn(caller: Caller, arn: string | undefined): LayerVersionRecord {
    return this.#usable(caller, parseLayerVersionArn(arn ?? ''));
  }

  /** The caller's layers by name, each with its newest version that the request asks for. */
  list(caller: Caller, request: ListLayersRequest): Page<LayerVersionRecord> {
    const { Marker: marker, MaxItems: maxItems } = request;
    const newest = this.#index.layers(caller.account, caller.region).flatMap((versions) => {
      const found = versions.find((record) => matches(record, request));
      return found === undefined ? [] : [found];
    });
    const from = (after = ''): LayerVersionRecord[] => newest.filter(({ name }) => name > after);
    return pageOf({ marker, maxItems }, from, ({ name }) => name);
  }

  /** The versions of a layer that the request asks for, the newest first; none where there is no such layer. */
  listVersions(caller: Caller, request: ListLayerVersionsRequest): Page<LayerVersionRecord> {
    const id = this.#own(caller, request.LayerName, 'ListLayerVersions');
    const { Marker: marker, MaxItems: maxItems } = request;
    const versions = this.#index.versions(id).filter((record) => matches(record, request));
    const from = (after = 'Infinity'): LayerVersionRecord[] =>
      versions.filter(({ version }) => version < Number(after));
    return pageOf({ marker, maxItems }, from, ({ version }) => String(version));
  }

  /**
   * From now on no function can be given this version; those that have it keep it. A version that isn't there is no error.
   */
  async delete(caller: Caller, name: string | undefined, version: number): Promise<void> {
    const id = { ...this.#own(caller, name, 'DeleteLayerVersion', version), version };
    await this.#exclusively(id, async () => {
      const record = this.#index.get(id);
      if (record === undefined) return;
      await this.#options.store.delete(id);
      this.#index.delete(id);
      this.#options.registry.code.release(record.code.sha256);
    });
  }

  /** Allows an account, or all, to use a version. */
  async allow(
    caller: Caller,
    request: AddLayerVersionPermissionRequest,
  ): Promise<{ record: LayerVersionRecord; statement: LayerStatement; policy: LayerPolicy }> {
    if (request.OrganizationId !== undefined) throw unsupported('OrganizationId', 'Allow each account.');
    const sid = request.StatementId ?? '';
    const record = await this.#changePolicy(caller, request, 'AddLayerVersionPermission', (old) =>
      withStatement(old, sid, request.Principal ?? ''),
    );
    const policy = record.policy!;
    return { record, policy, statement: policy.statements.at(-1)! };
  }

  /** Takes back what `allow` gave; functions that use the version already keep it. */
  async disallow(
    caller: Caller,
    request: {
      readonly LayerName: string | undefined;
      readonly VersionNumber: number | undefined;
      readonly StatementId: string | undefined;
      readonly RevisionId?: string | undefined;
    },
  ): Promise<void> {
    await this.#changePolicy(caller, request, 'RemoveLayerVersionPermission', (old) =>
      withoutStatement(old, request.StatementId ?? ''),
    );
  }

  policy(
    caller: Caller,
    name: string | undefined,
    version: number,
  ): { record: LayerVersionRecord; policy: LayerPolicy } {
    const record = this.#ownVersion(caller, name, version, 'GetLayerVersionPolicy');
    if (record.policy === undefined) {
      throw new ApiError('ResourceNotFoundException', 'No policy is associated with the given resource.');
    }
    return { record, policy: record.policy };
  }

  /** A version that a function of the caller's is to use; undefined where there is none. @throws where it may not. */
  find(caller: Caller, id: LayerVersionId): LayerVersionRecord | undefined {
    const record = this.#index.get(id);
    if (id.account !== caller.account && (record === undefined || !mayUse(record, caller.account))) {
      throw notAllowed(caller, layerVersionArn(id), 'GetLayerVersion');
    }
    return record;
  }

  /** Whether an account has a layer in any region. */
  hasAny(account: string): boolean {
    return this.#index.hasAny(account);
  }

  /** Bytes of the archives of an account's layers in a region. */
  codeBytes({ account, region }: Caller): number {
    return this.#index.codeBytes(account, region);
  }

  #usable(caller: Caller, id: LayerVersionId): LayerVersionRecord {
    const record = id.region === caller.region ? this.find(caller, id) : undefined;
    if (record === undefined) {
      throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
    }
    return record;
  }

  /** @throws where a name in a request is that of another account's layer, or of another region's. */
  #own(caller: Caller, name: string | undefined, action: string, version?: number): LayerId {
    const id = locateLayer(caller, name ?? '');
    if (id.account !== caller.account) {
      const resource = version === undefined ? layerArn(id) : layerVersionArn({ ...id, version });
      throw notAllowed(caller, resource, action);
    }
    if (id.region !== caller.region) {
      throw new ApiError(
        'ResourceNotFoundException',
        `Layers from '${id.region}' are not reachable in this region ('${caller.region}')`,
      );
    }
    return id;
  }

  #ownVersion(caller: Caller, name: string | undefined, version: number, action: string): LayerVersionRecord {
    const id = { ...this.#own(caller, name, action, version), version };
    const record = this.#index.get(id);
    if (record === undefined) {
      throw new ApiError('ResourceNotFoundException', `Layer version ${layerVersionArn(id)} does not exist.`);
    }
    return record;
  }

  async #changePolicy(
    caller: Caller,
    request: {
      readonly LayerName: string | undefined;
      readonly VersionNumber: number | undefined;
      readonly RevisionId?: string | undefined;
    },
    action: string,
    change: (old: LayerVersionRecord) => LayerPolicy | undefined,
  ): Promise<LayerVersionRecord> {
    const old = this.#ownVersion(caller, request.LayerName, request.VersionNumber ?? 0, action);
    checkRevision(old, request.RevisionId);
    return this.#exclusively(old, async () => {
      const policy = change(old);
      const { policy: _, ...rest } = old;
      const record = policy === undefined ? rest : { ...rest, policy };
      await this.#options.store.put(record);
      this.#index.set(record);
      return record;
    });
  }

  async #exclusively<T>(id: LayerVersionId, change: () => Promise<T>): Promise<T> {
    const arn = layerVersionArn(id);
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
}

/** Whether a version is compatible with what a list's request names. One that names none itself is compatible with none. */
function matches(
  { compatibleRuntimes, compatibleArchitectures }: LayerVersionRecord,
  { CompatibleRuntime: runtime, CompatibleArchitecture: architecture }: ListLayersRequest,
): boolean {
  if (runtime !== undefined && compatibleRuntimes?.includes(runtime) !== true) return false;
  return architecture === undefined || compatibleArchitectures?.includes(architecture) === true;
}

function notAllowed({ account, region }: Caller, resource: string, action: string): ApiError {
  return new ApiError(
    'AccessDeniedException',
    `User: arn:${partition(region)}:iam::${account}:root is not authorized to perform: lambda:${action} on resource: ` +
      `${resource} because no resource-based policy allows the lambda:${action} action`,
  );
}
