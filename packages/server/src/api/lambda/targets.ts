import type { FunctionSpec } from '@hearth/protocol';
import type { Identity } from '../../auth/identity.ts';
import type { Functions, Resolution } from '../../functions/functions.ts';
import { LAMBDA } from './definition.ts';

/** Targets remembered in all; beyond it the memory starts anew. */
const REMEMBERED = 20_000;
/** URLs longer than this are resolved anew each time, so that the memory is bounded in bytes too. */
const LONGEST = 512;

const FUNCTIONS = '/functions/';
const INVOKE = `/2015-03-31${FUNCTIONS}`;
const INVOKE_END = '/invocations';
const STREAM = `/2021-11-15${FUNCTIONS}`;
const STREAM_END = '/response-streaming-invocations';

/**
 * From a URL of Invoke or InvokeWithResponseStream to what it runs. The answer for a URL is remembered for each account
 * and region, so that the name is parsed, decoded, checked and looked up once, until a function of that account and region changes.
 */
export class InvokeTargets {
  readonly #functions: Functions;
  readonly #tenants = new Map<string, Map<string, Resolution>>();
  #remembered = 0;

  constructor(functions: Functions) {
    this.#functions = functions;
    functions.on('changed', (old) => this.#forget(old));
    functions.on('versionDeleted', (old) => this.#forget(old));
    functions.on('aliased', (spec) => this.#forget(spec));
    functions.on('tagged', (spec) => this.#forget(spec));
    functions.on('updating', (old) => this.#forget(old));
    functions.on('deleted', (old) => this.#forget(old));
  }

  /** Whether a URL with method POST is one of Invoke's. */
  static owns(url: string): boolean {
    return matches(url, INVOKE, INVOKE_END);
  }

  /** Whether a URL with method POST is one of InvokeWithResponseStream's. */
  static ownsStreaming(url: string): boolean {
    return matches(url, STREAM, STREAM_END);
  }

  /** @throws ApiError where the name is none, or there is no such function. */
  get(identity: Identity, url: string): Resolution {
    const known = this.#tenants.get(identity.key)?.get(url);
    if (known !== undefined) return known;
    const target = this.#resolve(identity, url);
    // Whether another account may is asked each time: its policy may change, and who asks.
    const isOwn = target.spec.account === identity.account;
    if (isOwn && url.length <= LONGEST) this.#remember(identity, url, target);
    return target;
  }

  #resolve(identity: Identity, url: string): Resolution {
    const question = url.indexOf('?');
    const path = question < 0 ? url : url.slice(0, question);
    const start = path.indexOf(FUNCTIONS) + FUNCTIONS.length;
    const segment = path.slice(start, path.indexOf('/', start));
    const qualifier = new URLSearchParams(question < 0 ? '' : url.slice(question + 1)).get('Qualifier') ?? undefined;
    const name = decode(segment);
    LAMBDA.validator.check('InvocationRequest', {
      FunctionName: name,
      ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
    });
    return this.#functions.resolve(identity, name, qualifier);
  }

  #remember(identity: Identity, url: string, target: Resolution): void {
    if (this.#remembered >= REMEMBERED) {
      this.#tenants.clear();
      this.#remembered = 0;
    }
    let tenant = this.#tenants.get(identity.key);
    if (tenant === undefined) {
      tenant = new Map();
      this.#tenants.set(identity.key, tenant);
    }
    tenant.set(url, target);
    this.#remembered += 1;
  }

  #forget({ account, region }: FunctionSpec): void {
    const key = `${account}/${region}`;
    this.#remembered -= this.#tenants.get(key)?.size ?? 0;
    this.#tenants.delete(key);
  }
}

function matches(url: string, prefix: string, suffix: string): boolean {
  if (!url.startsWith(prefix)) return false;
  const end = url.indexOf('/', prefix.length);
  return end > prefix.length && url.startsWith(suffix, end) && /^\/?(\?|$)/.test(url.slice(end + suffix.length));
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not percent-encoding: as it stands it breaks the pattern of function names, and is answered so.
    return segment;
  }
}
