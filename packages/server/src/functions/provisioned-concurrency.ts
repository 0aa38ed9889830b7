import type {
  ProvisionedConcurrencyConfigListItem,
  PutProvisionedConcurrencyConfigRequest,
  PutProvisionedConcurrencyConfigResponse,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import type { Entry } from './function-index.ts';
import { qualifiedArn } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { pageOf } from './paging.ts';
import type { Page, PageRequest } from './paging.ts';
import type { ProvisionedState, Provisioner } from './ports.ts';
import { checkNotShared, checkProvisionable } from './provisioned-rules.ts';
import {
  claimedConcurrency,
  provisionedOf,
  provisionedSpecs,
  provisionedTotal,
  sharesOf,
  withProvisioned,
} from './provisioned-record.ts';
import type { ProvisionedRecord } from './provisioned-record.ts';
import type { Found, Registry } from './registry.ts';
import type { Reservations } from './reservations.ts';

export interface ProvisionedConcurrencyOptions {
  readonly registry: Registry;
  readonly reservations: Reservations;
  /** What keeps sandboxes; where there is none, nothing is ever ready. */
  readonly provisioner: Provisioner | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Provisioned concurrency: sandboxes of a version that are initialised before anyone calls it. What is asked for is a part of the
 * function's record; whether it is there, whatever keeps the sandboxes says.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
export class ProvisionedConcurrency {
  readonly #options: ProvisionedConcurrencyOptions;
  readonly #registry: Registry;

  constructor(options: ProvisionedConcurrencyOptions) {
    this.#options = options;
    this.#registry = options.registry;
  }

  /** All versions that have it. */
  *all(): Iterable<{ spec: FunctionSpec; count: number }> {
    for (const entry of this.#registry.index.all()) {
      for (const [spec, count] of provisionedSpecs(entry)) yield { spec, count };
    }
  }

  put(
    caller: Caller,
    request: PutProvisionedConcurrencyConfigRequest,
  ): Promise<PutProvisionedConcurrencyConfigResponse> {
    const { FunctionName: name = '', Qualifier, ProvisionedConcurrentExecutions: count = 0 } = request;
    return this.#change(caller, name, Qualifier, 'PutProvisionedConcurrencyConfig', async (found) => {
      checkProvisionable(found);
      const { record } = found.entry;
      const made = { qualifier: found.qualifier!, count, lastModified: this.#options.now() };
      checkNotShared(record, made.qualifier, sharesOf(made, record.aliases));
      const changed = withProvisioned(record, made.qualifier, made);
      await this.#save(record, changed);
      // What it asks for has just begun, also where some of it is there already.
      return { ...describe(made, NOTHING), Status: 'IN_PROGRESS' };
    });
  }

  /** One that isn't there is no error. */
  async delete(caller: Caller, name: string, qualifier: string | undefined): Promise<void> {
    await this.#change(caller, name, qualifier, 'DeleteProvisionedConcurrencyConfig', async (found) => {
      const { record } = found.entry;
      if (provisionedOf(record, found.qualifier!) === undefined) return;
      await this.#save(record, withProvisioned(record, found.qualifier!));
    });
  }

  get(caller: Caller, name: string, qualifier: string | undefined): PutProvisionedConcurrencyConfigResponse {
    const { entry, qualifier: meant = '' } = this.#find(caller, name, qualifier, 'GetProvisionedConcurrencyConfig');
    const config = provisionedOf(entry.record, meant);
    if (config === undefined) {
      const message = 'No Provisioned Concurrency Config found for this function';
      throw new ApiError('ProvisionedConcurrencyConfigNotFoundException', message);
    }
    return describe(config, this.#stateOf(entry, config));
  }

  /** A function's, by alias and version. */
  list(caller: Caller, name: string, request: PageRequest): Page<ProvisionedConcurrencyConfigListItem> {
    const entry = this.#registry.findFunction(caller, name, 'ListProvisionedConcurrencyConfigs');
    const all = entry.record.provisioned ?? [];
    const page = pageOf(
      request,
      (after = '') => all.filter(({ qualifier }) => qualifier > after),
      ({ qualifier }) => qualifier,
    );
    return {
      ...page,
      items: page.items.map((config) => ({
        FunctionArn: qualifiedArn(entry.record, config.qualifier),
        ...describe(config, this.#stateOf(entry, config)),
      })),
    };
  }

  #find(caller: Caller, name: string, qualifier: string | undefined, action: string): Found {
    const found = this.#registry.find(caller, name, qualifier, action);
    if (found.qualifier !== undefined && found.qualifier !== '$LATEST') return found;
    const message = 'The function resource provided must be an alias or a published version.';
    throw new ApiError('InvalidParameterValueException', message);
  }

  #change<T>(
    caller: Caller,
    name: string,
    qualifier: string | undefined,
    action: string,
    change: (found: Found) => Promise<T>,
  ): Promise<T> {
    const find = (): Found => this.#registry.find(caller, name, qualifier, action);
    return this.#registry.inTurn(
      () => find().entry,
      () => change(action.startsWith('Put') ? find() : this.#find(caller, name, qualifier, action)),
    );
  }

  async #save(before: FunctionRecord, changed: FunctionRecord): Promise<void> {
    const { reservedConcurrency: reserved } = changed;
    if (reserved !== undefined && provisionedTotal(changed) > reserved) {
      const message =
        'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function';
      throw new ApiError('InvalidParameterValueException', message);
    }
    const { reserved: claimed } = this.#registry.index.usage(before.account, before.region);
    const more = claimedConcurrency(changed) - claimedConcurrency(before);
    using _claim = this.#options.reservations.claim(before, claimed, more, 'ConcurrentExecutions');
    await this.#registry.save(changed);
  }

  #stateOf({ versions, record }: Entry, config: ProvisionedRecord): ProvisionedState {
    const { provisioner } = this.#options;
    let ready = 0;
    let failure: string | undefined;
    for (const { version, count } of sharesOf(config, record.aliases)) {
      const spec = versions.get(Number(version))?.spec;
      const state = spec && provisioner?.state(spec);
      ready += Math.min(count, state?.ready ?? 0);
      failure ??= state?.failure;
    }
    return { ready, failure };
  }
}

const NOTHING: ProvisionedState = { ready: 0, failure: undefined };

function describe(
  { count, lastModified }: ProvisionedRecord,
  { ready, failure }: ProvisionedState,
): PutProvisionedConcurrencyConfigResponse {
  const common = {
    RequestedProvisionedConcurrentExecutions: count,
    AvailableProvisionedConcurrentExecutions: ready,
    AllocatedProvisionedConcurrentExecutions: ready,
    LastModified: new Date(lastModified).toISOString().replace(/\.\d+Z$/, '+0000'),
  };
  if (ready >= count) return { ...common, Status: 'READY' };
  if (failure === undefined) return { ...common, Status: 'IN_PROGRESS' };
  return { ...common, Status: 'FAILED', StatusReason: failure };
}
