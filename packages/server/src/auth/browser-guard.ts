import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';

/** `Host` values remembered as good; ports make them many. */
const REMEMBERED = 100;

/**
 * Refuses what a web page in the user's browser can send to a server on loopback: requests to a name that was made to
 * resolve to 127.0.0.1 (DNS rebinding), and requests that another site's page makes.
 *
 * Sources: https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/
 */
export class BrowserGuard {
  readonly #configured: string | undefined;
  readonly #anyHost: boolean;
  readonly #known = new Set<string>();

  /**
   * @param host the address the server was told to listen on; a request may name it.
   * @param anyHost whether a request may name any host: where requests are signed, no page can make one, and a server
   *   for others is called by whatever name they have for it.
   */
  constructor(host?: string, anyHost = false) {
    this.#configured = host?.toLowerCase();
    this.#anyHost = anyHost;
  }

  /** @throws ApiError AccessDeniedException for a request that no program sends and a web page might. */
  check(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    if (!this.#anyHost && host !== undefined && !this.#known.has(host)) this.#checkHost(host);
    if (origin !== undefined && !sameHost(origin, host)) {
      throw refused(`a page of ${JSON.stringify(origin.slice(0, 200))} sent it`);
    }
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      throw refused(`a page of another site sent it (Sec-Fetch-Site: ${site.slice(0, 20)})`);
    }
  }

  /**
   * The same for a request to a function URL. Pages of any site may send it: the URL's settings and the function say what
   * they may read.
   *
   * @throws ApiError AccessDeniedException where the host is one that only DNS rebinding gives to this machine.
   */
  checkUrl(host: string | undefined): void {
    if (!this.#anyHost && host !== undefined && !this.#known.has(host) && !ON_AWS.test(host)) this.#checkHost(host);
  }

  #checkHost(host: string): void {
    const name = hostName(host);
    const good =
      name === 'localhost' ||
      name === '127.0.0.1' ||
      name === '[::1]' ||
      name.endsWith('.localhost') ||
      (this.#configured !== undefined && (name === this.#configured || name === `[${this.#configured}]`));
    if (!good) {
      throw refused(`its Host is ${JSON.stringify(host.slice(0, 200))}`);
    }
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.add(host);
  }
}

/** Where function URLs are on AWS: whoever has such a name come here has an entry in /etc/hosts or a proxy. */
const ON_AWS = /\.on\.aws(?::\d+)?$/;

/** A `Host` value without its port, in lower case. */
function hostName(host: string): string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host);
  return (match?.[1] ?? '').toLowerCase();
}

function sameHost(origin: string, host: string | undefined): boolean {
  const start = origin.indexOf('://');
  return start > 0 && host !== undefined && origin.slice(start + 3).toLowerCase() === host.toLowerCase();
}

function refused(why: string): ApiError {
  return new ApiError(
    'AccessDeniedException',
    `The request is refused, because ${why}. Hint: call Hearth as localhost or 127.0.0.1 from a program; ` +
      'web pages may not invoke functions.',
  );
}
