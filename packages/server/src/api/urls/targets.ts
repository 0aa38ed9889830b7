import { ApiError } from '@hearth/protocol';
import type { Functions, Resolution } from '../../functions/functions.ts';
import type { FunctionUrl } from '../../functions/urls.ts';
import { addressOfHost, addressOfPath } from './address.ts';
import type { Address } from './address.ts';
import { CorsPolicy } from './cors.ts';

/** What a URL runs, and all that can be known before a request has come. */
export interface UrlTarget extends Resolution {
  readonly url: FunctionUrl;
  readonly cors: CorsPolicy | undefined;
  /** See {@link Address.prefix}. */
  readonly prefix: string;
  /** The host's name without its port. */
  readonly domainName: string;
  /** The host's port: decimal digits. */
  readonly port: string;
}

/** Targets remembered in all; beyond it the memory starts anew. */
const REMEMBERED = 20_000;
/** Hosts longer than this are resolved anew each time, so that the memory is bounded in bytes too. */
const LONGEST = 255;

/**
 * From a request to what it runs. What a host's name, or an id in a path, means is remembered until some function changes,
 * so that on the way of a request it costs one look into a map.
 */
export class UrlTargets {
  readonly #functions: Functions;
  readonly #byHost = new Map<string, UrlTarget>();
  readonly #byPath = new Map<string, UrlTarget>();

  constructor(functions: Functions) {
    this.#functions = functions;
    const forget = () => {
      this.#byHost.clear();
      this.#byPath.clear();
    };
    functions.on('changed', forget);
    functions.on('aliased', forget);
    functions.on('updating', forget);
    // That of a deleted function is gone with it, and no alias names a deleted version.
    functions.urls.on('changed', forget);
  }

  /** @returns undefined where there is no such URL, or nothing that it could run. */
  byHost(host: string): UrlTarget | undefined {
    const known = this.#byHost.get(host);
    return known ?? this.#learn(this.#byHost, host, host, addressOfHost(host));
  }

  /** The same by `/_hearth/url/ID/...`. */
  byPath(host: string, url: string): UrlTarget | undefined {
    const address = addressOfPath(url);
    if (address === undefined) return undefined;
    const name = `${host}/${address.id}`;
    return this.#byPath.get(name) ?? this.#learn(this.#byPath, name, host, address);
  }

  #learn(
    memory: Map<string, UrlTarget>,
    name: string,
    host: string,
    address: Address | undefined,
  ): UrlTarget | undefined {
    const target = address === undefined ? undefined : this.#resolve(host, address);
    if (target === undefined || host.length > LONGEST) return target;
    if (memory.size >= REMEMBERED) memory.clear();
    memory.set(name, target);
    return target;
  }

  #resolve(host: string, { id, region, prefix }: Address): UrlTarget | undefined {
    const url = this.#functions.urls.get(id);
    if (url === undefined || (region !== undefined && region !== url.function.region)) return undefined;
    const running = this.#find(url);
    if (running === undefined) return undefined;
    const [, domainName = host, port = '80'] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
    const cors = url.cors === undefined ? undefined : new CorsPolicy(url.cors);
    return { ...running, url, cors, prefix, domainName, port };
  }

  /** An alias goes a moment before its URL. */
  #find({ function: id, qualifier }: FunctionUrl): Resolution | undefined {
    try {
      return this.#functions.resolve(id, id.name, qualifier, 'InvokeFunctionUrl');
    } catch (error) {
      if (error instanceof ApiError && error.code === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }
}
