import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, errorEntry } from '@hearth/protocol';
import { giveUpUnread } from '../answers.ts';
import { LAMBDA } from '../lambda/definition.ts';
import type { FailureLog } from '../ports.ts';
import { Forbidden, FORBIDDEN, isUnsigned } from './access.ts';
import type { CorsPolicy } from './cors.ts';
import type { UrlResponse } from './response.ts';
import type { UrlTarget } from './targets.ts';

/** Bytes of a body that are copied to travel with its head. */
const JOINED = 16 * 1024;

/**
 * Keeps a page that a URL by path serves apart from all else that the same host serves, the APIs of this server among it:
 * the browser gives it an origin of its own.
 *
 * Source: https://html.spec.whatwg.org/multipage/browsers.html#sandboxing
 */
const OWN_ORIGIN = 'sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts';

/** AWS's answer where the function failed, or its response is no response. */
export const FAILED: UrlResponse = {
  status: 502,
  headers: ['content-type', 'application/json'],
  body: 'Internal Server Error',
};

/** The answer to one request to a URL, with the headers that all of them have. */
export class UrlAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Undefined as long as it is not known, or where there is none. */
  target: UrlTarget | undefined;
  /** Set where the function is invoked. */
  traceId: string | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string) {
    this.request = request;
    this.response = response;
    this.requestId = requestId;
  }

  /** Whether the client has gone away. */
  get gone(): boolean {
    return this.response.destroyed;
  }

  /** Sends all of it; 502 where it has headers that HTTP doesn't. */
  send(answer: UrlResponse): void {
    const { status, body } = answer;
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.6
    const bodiless = status === 204 || status === 304;
    const said = this.request.method === 'HEAD' ? answer.length : undefined;
    const length = bodiless ? [] : ['content-length', said ?? String(Buffer.byteLength(body))];
    if (!this.begin(answer, length)) this.send(FAILED);
    else if (bodiless || body.length === 0) this.response.end();
    else sendBody(this.response, body);
  }

  /**
   * Writes the head.
   *
   * @returns false where it has headers that HTTP doesn't; then nothing is sent.
   */
  begin({ status, headers }: Pick<UrlResponse, 'status' | 'headers'>, more: readonly string[] = []): boolean {
    const all = ['x-amzn-requestid', this.requestId];
    if (this.traceId !== undefined) all.push('x-amzn-trace-id', this.traceId);
    if (this.target?.cors === undefined) all.push(...headers);
    else addCors(all, headers, this.target.cors, this.request);
    if (this.target !== undefined && this.target.prefix !== '') all.push('content-security-policy', OWN_ORIGIN);
    all.push(...more);
    try {
      this.response.writeHead(status, all);
      return true;
    } catch (error) {
      if (!isHeaderError(error)) throw error;
      return false;
    }
  }

  /** Answers a preflight in the name of the function. */
  preflight(cors: CorsPolicy): void {
    const headers = ['x-amzn-requestid', this.requestId, ...cors.preflightHeaders(this.request.headers)];
    this.response.writeHead(200, [...headers, 'content-length', '0']).end();
  }

  /** What is no ApiError is a mistake of ours: it is logged, and the client learns no more than the request id. */
  fail(thrown: unknown, log: FailureLog): void {
    if (this.gone) return;
    if (thrown instanceof Forbidden || isUnsigned(thrown)) {
      const headers = ['x-amzn-errortype', 'AccessDeniedException', 'content-type', 'application/json'];
      this.send({ status: 403, headers, body: FORBIDDEN });
      return;
    }
    const { requestId } = this;
    let error: ApiError;
    if (thrown instanceof ApiError) error = thrown;
    else {
      log.error({ requestId, error: thrown }, 'a request to a function URL failed');
      error = new ApiError('ServiceException', `Hearth failed. The cause is in the server's log under ${requestId}.`);
    }
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    const { status, headers, contentType, body = '' } = LAMBDA.protocol.error(error, errorEntry(error.code), requestId);
    const all = [...headers, 'content-type', contentType];
    if (error.retryAfterSeconds !== undefined) all.push('retry-after', String(error.retryAfterSeconds));
    this.send({ status, headers: all, body });
  }
}

/** Adds the headers of an answer and those of the URL's CORS settings, which go before the function's own. */
function addCors(all: string[], headers: readonly string[], cors: CorsPolicy, request: IncomingMessage): void {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]!;
    if (!name.startsWith('access-control-')) all.push(name, headers[index + 1]!);
  }
  all.push(...cors.headers(request.headers));
}

/**
 * Sends a body, a short one as text in one write with its head, in an encoding of one byte for each character: node:http
 * writes both in the same one, and the head's characters are bytes.
 */
function sendBody(response: ServerResponse, body: Buffer | string): void {
  if (typeof body === 'string' && Buffer.byteLength(body) === body.length && body.length <= JOINED) {
    response.end(body, 'latin1');
    return;
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  if (bytes.length <= JOINED) {
    response.end(bytes.toString('latin1'), 'latin1');
    return;
  }
  giveUpUnread(response);
  response.end(bytes);
}

/** https://nodejs.org/api/errors.html */
function isHeaderError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN' || code === 'ERR_HTTP_INVALID_HEADER_VALUE';
}
