import type {
  AddLayerVersionPermissionRequest,
  ListLayersRequest,
  ListLayerVersionsRequest,
  PublishLayerVersionRequest,
  RemoveLayerVersionPermissionRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Caller } from '../caller.ts';
import { codeBytes } from '../code-source.ts';
import { checkPackage } from '../package-check.ts';
import { pageOf } from '../paging.ts';
import type { Page } from '../paging.ts';
import { checkRevision } from '../registry.ts';
import type { Registry } from '../registry.ts';
import { Turns } from '../turns.ts';
import { unsupported } from '../unsupported.ts';
import { LayerIndex } from './layer-index.ts';
import { LayerLookup } from './layer-lookup.ts';
import { layerVersionArn, locateLayer, parseLayerVersionArn } from './layer-name.ts';
import { withoutStatement, withStatement } from './layer-policy.ts';
import type { LayerPolicy, LayerStatement, LayerVersionId, LayerVersionRecord } from './layer-record.ts';
import type { LayerStore } from './ports.ts';

export interface LayersOptions {
  readonly store: LayerStore;
  /** Keeps the archives, and knows how much an account has of them. */
  readonly registry: Pick<Registry, 'code' | 'checkStorage'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type PolicyRequest = Pick<RemoveLayerVersionPermissionRequest, 'LayerName' | 'VersionNumber' | 'RevisionId'>;

/**
 * The layers of all accounts. Reads are answered from memory; a change is on disk before it is answered. All methods throw
 * ApiError as AWS answers.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
 */
export class Layers {
  readonly #options: LayersOptions;
  readonly #index = new LayerIndex();
  readonly #lookup = new LayerLookup(this.#index);
  readonly #turns = new Turns();

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
    const id = this.#lookup.own(caller, request.LayerName, 'PublishLayerVersion');
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
    return this.#lookup.usable(caller, { ...locateLayer(caller, name ?? ''), version: version ?? 0 });
  }

  getByArn(caller: Caller, arn: string | undefined): LayerVersionRecord {
    return this.#lookup.usable(caller, parseLayerVersionArn(arn ?? ''));
  }

  /** The caller's layers by name, each with its newest version that the request asks for. */
  list(caller: Caller, request: ListLayersRequest): Page<LayerVersionRecord> {
    const index = this.#index;
    function* from(after = ''): Iterable<LayerVersionRecord> {
      for (const versions of index.after(caller, after)) {
        const found = versions.find((record) => matches(record, request));
        if (found !== undefined) yield found;
      }
    }
    return pageOf({ marker: request.Marker, maxItems: request.MaxItems }, from, ({ name }) => name);
  }

  /** The versions of a layer that the request asks for, the newest first; none where there is no such layer. */
  listVersions(caller: Caller, request: ListLayerVersionsRequest): Page<LayerVersionRecord> {
    const id = this.#lookup.own(caller, request.LayerName, 'ListLayerVersions');
    const versions = this.#index.versions(id);
    function* from(after = 'Infinity'): Iterable<LayerVersionRecord> {
      for (const record of versions) if (record.version < Number(after) && matches(record, request)) yield record;
    }
    return pageOf({ marker: request.Marker, maxItems: request.MaxItems }, from, ({ version }) => String(version));
  }

  /**
   * From now on no function can be given this version; those that have it keep it. A version that isn't there is no error.
   */
  async delete(caller: Caller, name: string | undefined, version: number): Promise<void> {
    const id = { ...this.#lookup.own(caller, name, 'DeleteLayerVersion', version), version };
    await this.#turns.inTurn(layerVersionArn(id), async () => {
      const record = this.#index.get(id);
      if (record === undefined) return;
      await this.#options.store.delete(id);
      this.#index.delete(record);
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
  async disallow(caller: Caller, request: RemoveLayerVersionPermissionRequest): Promise<void> {
    await this.#changePolicy(caller, request, 'RemoveLayerVersionPermission', (old) =>
      withoutStatement(old, request.StatementId ?? ''),
    );
  }

  policy(
    caller: Caller,
    name: string | undefined,
    version: number,
  ): { record: LayerVersionRecord; policy: LayerPolicy } {
    const record = this.#lookup.ownVersion(caller, name, version, 'GetLayerVersionPolicy');
    if (record.policy === undefined) {
      throw new ApiError('ResourceNotFoundException', 'No policy is associated with the given resource.');
    }
    return { record, policy: record.policy };
  }

  /** A version that a function of the caller's is to use; undefined where there is none. @throws where it may not. */
  find(caller: Caller, id: LayerVersionId): LayerVersionRecord | undefined {
    return this.#lookup.find(caller, id);
  }

  /** Whether an account has a layer in any region. */
  hasAny(account: string): boolean {
    return this.#index.hasAny(account);
  }

  /** Bytes of the archives of an account's layers in a region. */
  codeBytes(owner: Caller): number {
    return this.#index.codeBytes(owner);
  }

  /** @param change from the policy there is to another, or to none. */
  async #changePolicy(
    caller: Caller,
    { LayerName: name, VersionNumber: version = 0, RevisionId: revisionId }: PolicyRequest,
    action: string,
    change: (old: LayerVersionRecord) => LayerPolicy | undefined,
  ): Promise<LayerVersionRecord> {
    const find = (): LayerVersionRecord => this.#lookup.ownVersion(caller, name, version, action);
    return this.#turns.inTurn(layerVersionArn(find()), async () => {
      // It may be another by now, or gone.
      const old = find();
      checkRevision(revisionId, old.policy?.revisionId, 'GetLayerVersionPolicy');
      const policy = change(old);
      const { policy: _, ...rest } = old;
      const record = policy === undefined ? rest : { ...rest, policy };
      await this.#options.store.put(record);
      this.#index.set(record);
      return record;
    });
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
