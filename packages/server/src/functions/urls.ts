import { randomInt } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type {
  Cors,
  CreateFunctionUrlConfigRequest,
  FunctionUrlConfig,
  UpdateFunctionUrlConfigRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { functionArn, locate, qualifiedArn } from './function-name.ts';
import type { FunctionId, FunctionRecord } from './function-record.ts';
import { pageOf } from './paging.ts';
import type { Page, PageRequest } from './paging.ts';
import type { FunctionsEvents, Registry } from './registry.ts';
import { checkNoTenancy } from './tenancy.ts';
import type { UrlCors, UrlRecord } from './url-record.ts';

/** A URL and the function that it belongs to. Immutable: a change makes another object. */
export interface FunctionUrl extends UrlRecord {
  readonly function: FunctionId;
}

/** A URL's configuration as AWS's operations show it; its address is for those to make who know the server's. */
export type UrlConfiguration = Omit<FunctionUrlConfig, 'FunctionUrl'> & { readonly url: FunctionUrl };

interface UrlsEvents {
  /** The URL has changed or is gone. */
  changed: [id: string];
}

/**
 * The URLs of all functions, found by their ids. A function has one at most for itself and one for each alias.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
 */
export class FunctionUrls extends EventEmitter<UrlsEvents> {
  readonly #registry: Registry;
  /** Milliseconds since the epoch. */
  readonly #now: () => number;
  readonly #byId = new Map<string, FunctionUrl>();
  /** Ids by the ARNs of the functions that have any. */
  readonly #ofFunction = new Map<string, readonly string[]>();

  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>, now: () => number) {
    super();
    this.#registry = registry;
    this.#now = now;
    events.on('deleted', ({ functionArn: arn }) => this.#set(arn, []));
    // A URL goes with its alias.
    events.on('aliased', ({ account, region, functionName: name }) => {
      this.#learn(registry.index.get({ account, region, name })!.record);
    });
  }

  /** Takes in the URLs of all functions, once those are loaded. */
  load(): void {
    for (const { record } of this.#registry.index.all()) if (record.urls !== undefined) this.#learn(record);
  }

  /** Synchronous, from memory. */
  get(id: string): FunctionUrl | undefined {
    return this.#byId.get(id);
  }

  async create(caller: Caller, request: CreateFunctionUrlConfigRequest): Promise<UrlConfiguration> {
    const action = 'CreateFunctionUrlConfig';
    const place = locatePlace(caller, request, action);
    const now = this.#now();
    const cors = corsOf(request.Cors);
    const made: UrlRecord = {
      id: newId(),
      ...(place.qualifier === undefined ? {} : { qualifier: place.qualifier }),
      authType: request.AuthType!,
      ...(cors === undefined ? {} : { cors }),
      invokeMode: request.InvokeMode ?? 'BUFFERED',
      createdAt: now,
      lastModified: now,
    };
    await this.#change(caller, place, action, (urls) => {
      const { entry } = this.#registry.find(caller, place.name, place.qualifier, action);
      checkNoTenancy(entry.record.settings, 'A function URL');
      if (urls.some((other) => isAt(other, place))) throw exists(place);
      return [...urls, made];
    });
    return describe(place, made);
  }

  async update(caller: Caller, request: UpdateFunctionUrlConfigRequest): Promise<UrlConfiguration> {
    const action = 'UpdateFunctionUrlConfig';
    const place = locatePlace(caller, request, action);
    let changed: UrlRecord | undefined;
    await this.#change(caller, place, action, (urls) => {
      changed = updated(find(urls, place), request, this.#now());
      return urls.map((url) => (isAt(url, place) ? changed! : url));
    });
    return describe(place, changed!);
  }

  async delete(caller: Caller, name: string, qualifier?: string): Promise<void> {
    const action = 'DeleteFunctionUrlConfig';
    const place = locatePlace(caller, { FunctionName: name, Qualifier: qualifier }, action);
    await this.#change(caller, place, action, (urls) => {
      const gone = find(urls, place);
      return urls.filter((url) => url !== gone);
    });
  }

  read(caller: Caller, name: string, qualifier?: string): UrlConfiguration {
    const action = 'GetFunctionUrlConfig';
    const place = locatePlace(caller, { FunctionName: name, Qualifier: qualifier }, action);
    const { record } = this.#registry.findFunction(caller, place.name, action);
    return describe(place, find(record.urls ?? [], place));
  }

  /** The function's own first, then those of its aliases by name. */
  list(caller: Caller, name: string, request: PageRequest): Page<UrlConfiguration> {
    const { record } = this.#registry.findFunction(caller, name, 'ListFunctionUrlConfigs');
    const sorted = [...(record.urls ?? [])].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const page = pageOf(request, (after = '') => sorted.filter((url) => keyOf(url) > after), keyOf);
    return { ...page, items: page.items.map((url) => describe(record, url)) };
  }

  async #change(
    caller: Caller,
    { name }: Place,
    action: string,
    change: (urls: readonly UrlRecord[]) => readonly UrlRecord[],
  ): Promise<void> {
    await this.#registry.inTurn(
      () => this.#registry.findFunction(caller, name, action),
      async ({ record }) => {
        const urls = change(record.urls ?? []);
        await this.#registry.save({ ...record, urls });
        this.#learn({ ...record, urls });
      },
    );
  }

  #learn(record: FunctionRecord): void {
    const { account, region, name } = record;
    const id = { account, region, name };
    const urls = record.urls ?? [];
    this.#set(
      functionArn(id),
      urls.map((url) => ({ ...url, function: id })),
    );
  }

  /** These are the URLs of a function from now on. */
  #set(arn: string, urls: readonly FunctionUrl[]): void {
    const before = this.#ofFunction.get(arn) ?? [];
    for (const id of before) this.#byId.delete(id);
    for (const url of urls) this.#byId.set(url.id, url);
    if (urls.length === 0) this.#ofFunction.delete(arn);
    else
      this.#ofFunction.set(
        arn,
        urls.map(({ id }) => id),
      );
    for (const id of before) this.emit('changed', id);
  }
}

/** A function, or an alias of it. */
interface Place extends FunctionId {
  readonly qualifier: string | undefined;
}

function locatePlace(
  caller: Caller,
  request: { FunctionName: string | undefined; Qualifier?: string | undefined },
  action: string,
): Place {
  const { id, qualifier } = locate(caller, request.FunctionName ?? '', request.Qualifier, action);
  return { ...id, qualifier };
}

function isAt(url: UrlRecord, { qualifier }: Place): boolean {
  return url.qualifier === qualifier;
}

/** @throws ApiError ResourceNotFoundException */
function find(urls: readonly UrlRecord[], place: Place): UrlRecord {
  const found = urls.find((url) => isAt(url, place));
  if (found === undefined) {
    throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
  }
  return found;
}

/** What is given of CORS settings replaces all of what there was; with nothing in it it takes that away. */
function updated(
  { cors: before, ...url }: UrlRecord,
  { AuthType: authType, Cors: given, InvokeMode: mode }: UpdateFunctionUrlConfigRequest,
  now: number,
): UrlRecord {
  const cors = given === undefined ? before : corsOf(given);
  return {
    ...url,
    authType: authType ?? url.authType,
    invokeMode: mode ?? url.invokeMode,
    ...(cors === undefined ? {} : { cors }),
    lastModified: now,
  };
}

function describe({ account, region, name }: FunctionId, url: UrlRecord): UrlConfiguration {
  const id = { account, region, name };
  return {
    url: { ...url, function: id },
    FunctionArn: qualifiedArn(id, url.qualifier),
    CreationTime: new Date(url.createdAt).toISOString(),
    LastModifiedTime: new Date(url.lastModified).toISOString(),
    // The SDK's types have lists that may be changed.
    Cors: url.cors as Cors | undefined,
    AuthType: url.authType,
    InvokeMode: url.invokeMode,
  };
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** 165 random bits in AWS's form. */
function newId(): string {
  return Array.from({ length: 32 }, () => ALPHABET[randomInt(ALPHABET.length)]!).join('');
}

/** In a list: what pages are told apart by. */
function keyOf({ qualifier }: UrlRecord): string {
  return qualifier ?? '$LATEST';
}

/** The members that are given; undefined where none is. */
function corsOf(cors: Cors | undefined): UrlCors | undefined {
  const given = Object.entries(cors ?? {}).filter(([, value]) => value !== undefined && value !== null);
  return given.length === 0 ? undefined : (Object.fromEntries(given) as UrlCors);
}

function exists(place: Place): ApiError {
  return new ApiError(
    'ResourceConflictException',
    `Failed to create function url config for [functionArn = ${qualifiedArn(place, place.qualifier)}]. Error message:  FunctionUrlConfig exists ` +
      'for this Lambda function',
  );
}
