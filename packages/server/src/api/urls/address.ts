import type { IncomingMessage } from 'node:http';
import { OPERATOR_PATH } from '../operator/operator.ts';

/** Where URLs are that are told apart by their path: `/_hearth/url/ID/...`. */
export const URL_PATH = `${OPERATOR_PATH}url/`;

const ID_LENGTH = 32;
const LABEL = '.lambda-url.';
const REGION = /^[a-z0-9-]+/;

/** What a request says of the URL that it is for. */
export interface Address {
  readonly id: string;
  /** As the host's name says it; undefined where the path names the URL. */
  readonly region: string | undefined;
  /** What stands before the function's own path: empty, or `/_hearth/url/ID`. */
  readonly prefix: string;
}

/** Whether a `Host` is that of a function URL, `ID.lambda-url.REGION.anything`. Called for every request. */
export function isUrlHost(host: string | undefined): host is string {
  return host !== undefined && host.startsWith(LABEL, ID_LENGTH);
}

/** @returns undefined where it names no region. */
export function addressOfHost(host: string): Address | undefined {
  const id = host.slice(0, ID_LENGTH);
  const region = REGION.exec(host.slice(ID_LENGTH + LABEL.length))?.[0];
  return region === undefined ? undefined : { id, region, prefix: '' };
}

/** @returns undefined where a path is not of the form `/_hearth/url/ID/...`. */
export function addressOfPath(url: string): Address | undefined {
  if (!url.startsWith(URL_PATH)) return undefined;
  const end = URL_PATH.length + ID_LENGTH;
  const id = url.slice(URL_PATH.length, end);
  const next = url[end];
  if (next !== undefined && next !== '/' && next !== '?') return undefined;
  return { id, region: undefined, prefix: URL_PATH + id };
}

const LOOPBACK = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/i;

/**
 * The address of a URL for a client that calls this server by a certain name: where that means the client's own machine a
 * host's name, as on AWS, which browsers and curl take to the same machine; else a path, which needs no entry in DNS.
 *
 * @param host of the client's request, with its port.
 */
export function urlAddress(host: string, id: string, region: string): string {
  const [, name = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/.exec(host) ?? [];
  return LOOPBACK.test(name) ? `http://${id}${LABEL}${region}.localhost${port}/` : `http://${host}${URL_PATH}${id}/`;
}

/** A request's target without scheme and host, which a client may write before it (RFC 9112, section 3.2.2). */
export function originForm({ url = '/' }: IncomingMessage): string {
  if (url.startsWith('/')) return url;
  const rest = url.replace(/^[a-z]+:\/\/[^/?]*/i, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}
