import type { IncomingMessage } from 'node:http';
import type { UrlCors } from '../../functions/url-record.ts';

/**
 * The CORS settings of a URL: what they add to answers, and the answer to a preflight, for which no function is invoked.
 *
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors,
 * https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;
  readonly #anyOrigin: boolean;
  readonly #settings: UrlCors;

  constructor(settings: UrlCors) {
    this.#settings = settings;
    this.#origins = new Set(settings.AllowOrigins ?? []);
    this.#anyOrigin = this.#origins.has('*');
  }

  /** A browser that asks whether a page of another site may send a request. */
  static isPreflight({ method, headers }: IncomingMessage): boolean {
    return (
      method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
    );
  }

  /** Headers of an answer to a request, as names and values in turn. */
  headers({ origin }: IncomingMessage['headers']): string[] {
    const headers = this.#common(origin);
    const { ExposeHeaders: expose = [] } = this.#settings;
    if (this.#allows(origin) && expose.length > 0) headers.push('access-control-expose-headers', expose.join(','));
    return headers;
  }

  /** Headers of the answer to a preflight. */
  preflightHeaders(request: IncomingMessage['headers']): string[] {
    const { AllowMethods: methods = [], AllowHeaders: names = [], MaxAge: maxAge } = this.#settings;
    const headers = this.#common(request.origin);
    if (!this.#allows(request.origin)) return headers;
    const method = this.#list(methods, request['access-control-request-method']);
    const asked = request['access-control-request-headers'];
    const name = this.#list(names, typeof asked === 'string' ? asked : undefined);
    if (method !== undefined) headers.push('access-control-allow-methods', method);
    if (name !== undefined) headers.push('access-control-allow-headers', name);
    if (maxAge !== undefined) headers.push('access-control-max-age', String(maxAge));
    return headers;
  }

  #allows(origin: string | undefined): boolean {
    return origin !== undefined && (this.#anyOrigin || this.#origins.has(origin));
  }

  #common(origin: string | undefined): string[] {
    const credentials = this.#settings.AllowCredentials === true;
    const same = this.#anyOrigin && !credentials;
    // Caches must not give the answer to one origin to another.
    const headers = same ? [] : ['vary', 'Origin'];
    if (!this.#allows(origin)) return headers;
    headers.push('access-control-allow-origin', same ? '*' : origin!);
    if (credentials) headers.push('access-control-allow-credentials', 'true');
    return headers;
  }

  /** With credentials browsers take `*` for a name like any other, so what was asked for is allowed by its own name. */
  #list(allowed: readonly string[], asked: string | undefined): string | undefined {
    if (allowed.length === 0) return undefined;
    if (this.#settings.AllowCredentials === true && allowed.includes('*')) return asked;
    return allowed.join(',');
  }
}
