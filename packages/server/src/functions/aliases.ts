import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { AliasConfiguration, CreateAliasRequest, UpdateAliasRequest } from '@aws-sdk/client-lambda';
import { ApiError, RolloutError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import { readRouting } from './alias-routing.ts';
import type { Caller } from './caller.ts';
import type { Entry } from './function-index.ts';
import { qualifiedArn } from './function-name.ts';
import type { AliasRecord, FunctionId } from './function-record.ts';
import { pageOf } from './paging.ts';
import type { Page, PageRequest } from './paging.ts';
import { withPolicy } from './policy-document.ts';
import { withProvisioned } from './provisioned-record.ts';
import { checkProvisionedAlias } from './provisioned-rules.ts';
import { checkRevision, versionOf } from './registry.ts';
import type { FunctionsEvents, Registry } from './registry.ts';
import { withoutUrl } from './url-record.ts';
import type { Updates } from './updates/updates.ts';

/**
 * Aliases: names for versions that can be pointed elsewhere.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
 */
export class Aliases {
  readonly #registry: Registry;
  readonly #events: EventEmitter<FunctionsEvents>;
  readonly #updates: Updates;

  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>, updates: Updates) {
    this.#registry = registry;
    this.#events = events;
    this.#updates = updates;
  }

  create(caller: Caller, request: CreateAliasRequest): Promise<AliasConfiguration> {
    const { FunctionName: name, Name: alias = '', FunctionVersion: version = '' } = request;
    return this.#change(caller, name, 'CreateAlias', async (entry) => {
      if (find(entry, alias) !== undefined) {
        throw new ApiError('ResourceConflictException', `Alias already exists: ${qualifiedArn(entry.record, alias)}`);
      }
      const additional = readRouting(entry, version, request.RoutingConfig);
      return this.#save(entry, {
        name: alias,
        version,
        ...(additional === undefined ? {} : { additional }),
        description: request.Description ?? '',
        revisionId: randomUUID(),
      });
    });
  }

  /**
   * Changes what the request names, and keeps the rest. Where versions that the alias pointed to are warm, the ones that it is to
   * point to are made ready first: the answer comes when traffic has moved.
   */
  update(caller: Caller, request: UpdateAliasRequest): Promise<AliasConfiguration> {
    const { FunctionName: name, Name: alias = '' } = request;
    return this.#change(caller, name, 'UpdateAlias', async (entry) => {
      const old = find(entry, alias);
      if (old === undefined) throw unknown(entry.record, alias);
      checkRevision(request.RevisionId, old.revisionId);
      const version = request.FunctionVersion ?? old.version;
      const routing = request.RoutingConfig ?? routingConfig(old);
      const { additional: _, ...rest } = old;
      const additional = readRouting(entry, version, routing);
      const changed = {
        ...rest,
        version,
        ...(additional === undefined ? {} : { additional }),
        description: request.Description ?? old.description,
        revisionId: randomUUID(),
      };
      checkProvisionedAlias(entry.record, changed);
      await this.#takeOver(entry, old, version, additional?.version);
      return this.#save(entry, changed);
    });
  }

  async #takeOver(entry: Entry, old: AliasRecord, ...names: readonly (string | undefined)[]): Promise<void> {
    const specOf = (name: string): FunctionSpec => (versionOf(entry, name) ?? entry).spec;
    for (const name of names) {
      if (name === undefined || pointsTo(old, name)) continue;
      try {
        await this.#updates.ready(entry.record, specOf(old.version), specOf(name));
      } catch (error) {
        if (!(error instanceof RolloutError)) throw error;
        const message = `Version ${name} can't take over from version ${old.version}, to which ${old.name} still points. ${error.message}`;
        throw new ApiError('InvalidParameterValueException', message, { cause: error });
      }
    }
  }

  /** An alias that isn't there is no error. */
  async delete(caller: Caller, name: string, alias: string): Promise<void> {
    await this.#change(caller, name, 'DeleteAlias', async (entry) => {
      // Its policy, its URL and what is provisioned of it are not those of a later alias of this name.
      const record = withProvisioned(withoutUrl(withPolicy(entry.record, alias, []), alias), alias);
      if (find(entry, alias) !== undefined) await this.#replace({ record }, alias, []);
    });
  }

  get(caller: Caller, name: string, alias: string): AliasConfiguration {
    const { record } = this.#registry.findFunction(caller, name, 'GetAlias');
    const found = find({ record }, alias);
    if (found === undefined) throw unknown(record, alias);
    return describe(record, found);
  }

  /** A function's aliases by name. @param request.version of those only that invoke this version. */
  list(caller: Caller, name: string, request: PageRequest & { version: string | undefined }): Page<AliasConfiguration> {
    const { record } = this.#registry.findFunction(caller, name, 'ListAliases');
    const { version } = request;
    const all = (record.aliases ?? []).filter((alias) => version === undefined || pointsTo(alias, version));
    const page = pageOf(
      request,
      (after = '') => all.filter((alias) => alias.name > after),
      (alias) => alias.name,
    );
    return { ...page, items: page.items.map((alias) => describe(record, alias)) };
  }

  #change<T>(
    caller: Caller,
    name: string | undefined,
    action: string,
    change: (entry: Entry) => Promise<T>,
  ): Promise<T> {
    return this.#registry.inTurn(() => this.#registry.findFunction(caller, name ?? '', action), change);
  }

  async #save(entry: Entry, alias: AliasRecord): Promise<AliasConfiguration> {
    await this.#replace(entry, alias.name, [alias]);
    return describe(entry.record, alias);
  }

  async #replace({ record }: Pick<Entry, 'record'>, name: string, by: readonly AliasRecord[]): Promise<void> {
    const { aliases: before = [], ...rest } = record;
    const aliases = [...before.filter((alias) => alias.name !== name), ...by].sort(byName);
    const { spec } = await this.#registry.save(aliases.length === 0 ? rest : { ...rest, aliases });
    this.#events.emit('aliased', spec);
  }
}

/** Whether invocations of an alias may run a version. */
export function pointsTo({ version, additional }: AliasRecord, name: string): boolean {
  return version === name || additional?.version === name;
}

function find({ record }: Pick<Entry, 'record'>, name: string): AliasRecord | undefined {
  return record.aliases?.find((alias) => alias.name === name);
}

/** In the order of code units, which is that of `<`. */
function byName(a: AliasRecord, b: AliasRecord): number {
  return a.name < b.name ? -1 : 1;
}

function describe(id: FunctionId, alias: AliasRecord): AliasConfiguration {
  const { name, version, description, revisionId } = alias;
  const routing = routingConfig(alias);
  return {
    AliasArn: qualifiedArn(id, name),
    Name: name,
    FunctionVersion: version,
    Description: description,
    ...(routing === undefined ? {} : { RoutingConfig: routing }),
    RevisionId: revisionId,
  };
}

function routingConfig({ additional }: AliasRecord): AliasConfiguration['RoutingConfig'] {
  return additional && { AdditionalVersionWeights: { [additional.version]: additional.weight } };
}

function unknown(id: FunctionId, alias: string): ApiError {
  return new ApiError('ResourceNotFoundException', `Cannot find alias arn: ${qualifiedArn(id, alias)}`);
}
