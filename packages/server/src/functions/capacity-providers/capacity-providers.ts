import type { EventEmitter } from 'node:events';
import type {
  CapacityProvider,
  CapacityProviderScalingConfig,
  CreateCapacityProviderRequest,
  FunctionVersionsByCapacityProviderListItem,
  ListCapacityProvidersRequest,
  UpdateCapacityProviderRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Architecture } from '../architecture.ts';
import type { Caller } from '../caller.ts';
import type { Entry } from '../function-index.ts';
import { qualifiedArn } from '../function-name.ts';
import { versionName } from '../function-record.ts';
import type { FunctionRecord, VersionRecord } from '../function-record.ts';
import { pageOf } from '../paging.ts';
import type { Page, PageRequest } from '../paging.ts';
import type { FunctionsEvents, Registry } from '../registry.ts';
import { addTags } from '../tags.ts';
import { Turns } from '../turns.ts';
import { unsupported } from '../unsupported.ts';
import type { CapacityProviderStore } from './ports.ts';
import { capacityProviderArn, describe } from './record.ts';
import type { CapacityProviderId, CapacityProviderRecord } from './record.ts';

export interface CapacityProvidersOptions {
  readonly store: CapacityProviderStore;
  readonly registry: Registry;
  readonly events: EventEmitter<FunctionsEvents>;
  readonly architectures: readonly Architecture[];
  /** Processors of one instance: a provider that may have fewer could have none. */
  readonly instanceCpus: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** AWS's default (https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html). */
const DEFAULT_VCPUS = 400;
/** Characters of a name; the model's maximum is that of an ARN. */
const MAX_NAME = 64;

/**
 * Capacity providers: instances of an account that run nothing but the functions that name their provider, up to a number of processors.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html
 */
export class CapacityProviders {
  readonly #options: CapacityProvidersOptions;
  readonly #byArn = new Map<string, CapacityProviderRecord>();
  readonly #turns = new Turns();

  constructor(options: CapacityProvidersOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    for (const record of await this.#options.store.all()) this.#byArn.set(capacityProviderArn(record), record);
  }

  /** All there are, with the processors that each may have. */
  *all(): Iterable<{ arn: string; maxVCpus: number }> {
    for (const [arn, { maxVCpuCount: maxVCpus }] of this.#byArn) yield { arn, maxVCpus };
  }

  async create(caller: Caller, request: CreateCapacityProviderRequest): Promise<CapacityProvider> {
    const id = locate(caller, request.CapacityProviderName ?? '');
    if (id.name.length > MAX_NAME) throw invalid(`The name of a capacity provider has at most ${MAX_NAME} characters.`);
    refuse(request);
    const { InstanceRequirements: requirements } = request;
    const foreign = requirements?.Architectures?.find((one) => !this.#options.architectures.includes(one));
    if (foreign !== undefined) throw invalid(`This machine makes no instances of architecture ${foreign}.`);
    const arn = capacityProviderArn(id);
    const record: CapacityProviderRecord = {
      ...id,
      subnetIds: request.VpcConfig?.SubnetIds ?? [],
      securityGroupIds: request.VpcConfig?.SecurityGroupIds ?? [],
      operatorRole: request.PermissionsConfig?.CapacityProviderOperatorRoleArn ?? '',
      ...(requirements?.Architectures === undefined ? {} : { architectures: requirements.Architectures }),
      maxVCpuCount: this.#vCpus(request.CapacityProviderScalingConfig, DEFAULT_VCPUS),
      tags: addTags({}, request.Tags ?? {}),
      lastModified: this.#options.now(),
    };
    await this.#turns.inTurn(arn, async () => {
      if (this.#byArn.has(arn)) {
        throw new ApiError('ResourceConflictException', `Capacity provider already exists: ${arn}`);
      }
      await this.#save(record);
    });
    return describe(record, 'Pending');
  }

  get(caller: Caller, name: string): CapacityProvider {
    return describe(this.#find(locate(caller, name)), 'Active');
  }

  /** The caller's by name. */
  list(caller: Caller, request: ListCapacityProvidersRequest): Page<CapacityProvider> {
    const { account, region } = caller;
    // Here each is active from its first moment to its last.
    const all = request.State === undefined || request.State === 'Active' ? [...this.#byArn.values()] : [];
    const own = all.filter((one) => one.account === account && one.region === region);
    own.sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = pageOf(
      { marker: request.Marker, maxItems: request.MaxItems },
      (after = '') => own.filter(({ name }) => name > after),
      ({ name }) => name,
    );
    return { ...page, items: page.items.map((record) => describe(record, 'Active')) };
  }

  async update(caller: Caller, request: UpdateCapacityProviderRequest): Promise<CapacityProvider> {
    const id = locate(caller, request.CapacityProviderName ?? '');
    refuse(request);
    return this.#turns.inTurn(capacityProviderArn(id), async () => {
      const before = this.#find(id);
      const maxVCpuCount = this.#vCpus(request.CapacityProviderScalingConfig, before.maxVCpuCount);
      const record = { ...before, maxVCpuCount, lastModified: this.#options.now() };
      await this.#save(record);
      return describe(record, 'Active');
    });
  }

  async delete(caller: Caller, name: string): Promise<CapacityProvider> {
    const id = locate(caller, name);
    const arn = capacityProviderArn(id);
    return this.#turns.inTurn(arn, async () => {
      const record = this.#find(id);
      const [user] = this.#usersOf(arn);
      if (user !== undefined) {
        throw new ApiError(
          'ResourceConflictException',
          `Capacity provider ${arn} is in use by ${qualifiedArn(user, versionName(user))} and can't be deleted.`,
        );
      }
      await this.#options.store.delete(id);
      this.#byArn.delete(arn);
      this.#options.events.emit('capacityProvider', arn, undefined);
      return describe(record, 'Deleting');
    });
  }

  /** The versions that name it, `$LATEST` among them, by function. */
  versions(
    caller: Caller,
    name: string,
    request: PageRequest,
  ): { arn: string; page: Page<FunctionVersionsByCapacityProviderListItem> } {
    const arn = capacityProviderArn(this.#find(locate(caller, name)));
    const all = [...this.#usersOf(arn)].map((record) => ({ record, key: `${record.name}:${versionName(record)}` }));
    all.sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = pageOf(
      request,
      (after = '') => all.filter(({ key }) => key > after),
      ({ key }) => key,
    );
    const items = page.items.map(({ record }) => ({
      FunctionArn: qualifiedArn(record, versionName(record)),
      State: 'Active' as const,
    }));
    return { arn, page: { ...page, items } };
  }

  /** @throws ApiError ResourceNotFoundException where there is none for a function to name. */
  check(caller: Caller, arn: string): void {
    this.#find(locate(caller, arn));
  }

  #find(id: CapacityProviderId): CapacityProviderRecord {
    const arn = capacityProviderArn(id);
    const record = this.#byArn.get(arn);
    if (record === undefined) throw notFound(arn);
    return record;
  }

  *#usersOf(arn: string): Iterable<FunctionRecord | VersionRecord> {
    const entries: Iterable<Entry> = this.#options.registry.index.all();
    for (const { record, spec, versions } of entries) {
      if (record.settings.capacityProvider?.arn === arn || spec.capacityProvider === arn) yield record;
      for (const version of versions.values()) {
        if (version.record.settings.capacityProvider?.arn === arn) yield version.record;
      }
    }
  }

  async #save(record: CapacityProviderRecord): Promise<void> {
    const arn = capacityProviderArn(record);
    await this.#options.store.put(record);
    this.#byArn.set(arn, record);
    this.#options.events.emit('capacityProvider', arn, record.maxVCpuCount);
  }

  #vCpus(scaling: CapacityProviderScalingConfig | undefined, otherwise: number): number {
    const count = scaling?.MaxVCpuCount ?? otherwise;
    const { instanceCpus } = this.#options;
    if (count >= instanceCpus) return count;
    throw invalid(`MaxVCpuCount ${count} is less than one instance of this server has: ${instanceCpus}.`);
  }
}

/** By name or ARN. */
function locate({ account, region }: Caller, text: string): CapacityProviderId {
  const name = text.slice(text.lastIndexOf(':') + 1);
  const id = { account, region, name };
  if (text.includes(':') && text !== capacityProviderArn(id)) throw notFound(text);
  return id;
}

/** What would be ignored otherwise. */
function refuse(request: Partial<CreateCapacityProviderRequest & UpdateCapacityProviderRequest>): void {
  const { InstanceRequirements: requirements, CapacityProviderScalingConfig: scaling } = request;
  const types = [...(requirements?.AllowedInstanceTypes ?? []), ...(requirements?.ExcludedInstanceTypes ?? [])];
  if (types.length > 0) throw unsupported('A choice of instance types', 'All instances of a server are alike.');
  if (scaling?.ScalingMode === 'Manual' || (scaling?.ScalingPolicies ?? []).length > 0) {
    throw unsupported('ScalingMode Manual', 'Use Auto.');
  }
  if ((request.KmsKeyArn ?? '') !== '') throw unsupported('KmsKeyArn');
  if (request.PropagateTags !== undefined) throw unsupported('PropagateTags');
  if (request.TelemetryConfig !== undefined) throw unsupported('TelemetryConfig');
}

function notFound(arn: string): ApiError {
  return new ApiError('ResourceNotFoundException', `Capacity provider not found: ${arn}`);
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
