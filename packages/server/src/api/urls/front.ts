import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, errorEntry } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { BrowserGuard } from '../../auth/browser-guard.ts';
import type { Authenticator } from '../../auth/identity.ts';
import { relayAccount } from '../../auth/relay.ts';
import type { Functions } from '../../functions/functions.ts';
import type { Invocation, InvocationOutcome } from '../../invoke/invocation.ts';
import { activeTrace } from '../../invoke/trace.ts';
import { giveUpUnread } from '../answers.ts';
import type { BodyReader } from '../body.ts';
import { LAMBDA } from '../lambda/definition.ts';
import { MAX_PAYLOAD } from '../lambda/payload.ts';
import { chosenVersion } from '../lambda/invocation-request.ts';
import type { FailureLog, Invoker } from '../ports.ts';
import { Forbidden, FORBIDDEN, isUnsigned, UrlAccess } from './access.ts';
import type { UrlAdmission } from './access.ts';
import { isUrlHost, URL_PATH } from './address.ts';
import { CorsPolicy } from './cors.ts';
import { tooLarge } from './event-body.ts';
import { makeEvent } from './event.ts';
import { readResponse } from './response.ts';
import type { UrlResponse } from './response.ts';
import { UrlTargets } from './targets.ts';
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

/** What the room gives its front. */
export interface UrlFrontOptions {
  readonly functions: Functions;
  readonly invoker: Invoker;
  readonly authenticator: Authenticator;
  readonly guard: BrowserGuard;
  readonly bodies: BodyReader;
  readonly log: FailureLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** See {@link chosenVersion}; `Math.random` where there is none. */
  readonly random?: () => number;
}

/** One request on its way. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Undefined as long as it is not known, or where there is none. */
  target: UrlTarget | undefined;
}

/**
 * Function URLs: HTTP requests of any kind, from programs and web pages, each of which invokes a function.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
export class UrlFront {
  readonly #options: UrlFrontOptions;
  readonly #targets: UrlTargets;
  readonly #access: UrlAccess;

  constructor(options: UrlFrontOptions) {
    this.#options = options;
    this.#targets = new UrlTargets(options.functions);
    this.#access = new UrlAccess(options.authenticator);
  }

  /** Whether a request is for a function URL, there or not, and for nothing else of this server. */
  static owns({ url, headers }: IncomingMessage): boolean {
    return isUrlHost(headers.host) || url!.startsWith(URL_PATH);
  }

  /** Answers a request that a URL owns. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse, requestId: string): void {
    const call: Call = { request, response, requestId, target: undefined };
    try {
      if (relayAccount(request.socket) === undefined) this.#options.guard.checkUrl(request.headers.host);
      call.target = this.#find(request);
      if (call.target === undefined) throw new Forbidden();
      if (call.target.cors !== undefined && CorsPolicy.isPreflight(request)) {
        const headers = call.target.cors.preflightHeaders(request.headers);
        response.writeHead(200, ['x-amzn-requestid', requestId, ...headers, 'content-length', '0']).end();
        return;
      }
      this.#read(call, this.#access.admit(request, call.target));
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #find({ url, headers }: IncomingMessage): UrlTarget | undefined {
    const { host = '' } = headers;
    return isUrlHost(host) ? this.#targets.byHost(host) : this.#targets.byPath(host, url!);
  }

  #read(call: Call, admitted: UrlAdmission | undefined): void {
    const { bodies } = this.#options;
    const done = (body: Buffer) => this.#invoke(call, admitted, body);
    const refuse = (error: unknown) => this.#fail(call, error ?? tooLarge());
    if (admitted === undefined) bodies.read(call.request, MAX_PAYLOAD, done, refuse);
    else bodies.readSigned(call.request, admitted.admission, MAX_PAYLOAD, done, refuse);
  }

  #invoke(call: Call, admitted: UrlAdmission | undefined, body: Buffer): void {
    const { request, requestId } = call;
    const fail = (error: unknown) => this.#fail(call, error);
    try {
      // Only now, when the whole request is here: what is resolved is what runs. A path that was signed with dot segments has
      // become another.
      const target = this.#find(request);
      if (target === undefined || !isSame(target, call.target!)) throw new Forbidden();
      call.target = target;
      const now = this.#options.now();
      const spec = chosenVersion(target, this.#options.random ?? Math.random);
      const traceId = traceOf(request, requestId, spec, now);
      const context = { target, requestId, traceId, caller: admitted?.caller, now };
      makeEvent(request, body, context, (error, payload) => {
        if (error !== undefined) return fail(error);
        const { invokedArn } = target;
        const invocation: Invocation = { requestId, spec, invokedArn, payload, traceId, tail: false };
        this.#options.invoker
          .invoke(invocation)
          .then((outcome) => this.#answer(call, invocation, outcome))
          .catch(fail);
      });
    } catch (error) {
      fail(error);
    }
  }

  #answer(call: Call, { traceId }: Invocation, { payload, functionError }: InvocationOutcome): void {
    // Nobody is there any more; the function ran to its end all the same.
    if (call.response.destroyed) return;
    const answer = functionError === undefined ? readResponse(payload) : undefined;
    if (answer === undefined) {
      this.#send(call, FAILED, traceId);
      return;
    }
    try {
      this.#send(call, answer, traceId);
    } catch (error) {
      // Headers that node:http does not write; nothing has been sent.
      if (!isHeaderError(error)) throw error;
      this.#send(call, FAILED, traceId);
    }
  }

  #fail(call: Call, thrown: unknown): void {
    const { response, requestId } = call;
    if (response.destroyed) return;
    if (thrown instanceof Forbidden || isUnsigned(thrown)) {
      const headers = ['x-amzn-errortype', 'AccessDeniedException', 'content-type', 'application/json'];
      this.#send(call, { status: 403, headers, body: FORBIDDEN });
      return;
    }
    let error: ApiError;
    if (thrown instanceof ApiError) error = thrown;
    else {
      this.#options.log.error({ requestId, error: thrown }, 'a request to a function URL failed');
      error = new ApiError('ServiceException', `Hearth failed. The cause is in the server's log under ${requestId}.`);
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, headers, contentType, body = '' } = LAMBDA.protocol.error(error, errorEntry(error.code), requestId);
    const all = [...headers, 'content-type', contentType];
    if (error.retryAfterSeconds !== undefined) all.push('retry-after', String(error.retryAfterSeconds));
    this.#send(call, { status, headers: all, body });
  }

  /** @throws where a header is none that can be written; then nothing has been. */
  #send({ request, response, requestId, target }: Call, answer: UrlResponse, traceId?: string): void {
    const { status, body } = answer;
    const headers = ['x-amzn-requestid', requestId];
    if (traceId !== undefined) headers.push('x-amzn-trace-id', traceId);
    if (target?.cors === undefined) headers.push(...answer.headers);
    else addCors(headers, answer, target.cors, request);
    if (target !== undefined && target.prefix !== '') headers.push('content-security-policy', OWN_ORIGIN);
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.6
    const bodiless = status === 204 || status === 304;
    if (!bodiless) {
      const length = request.method === 'HEAD' ? answer.length : undefined;
      headers.push('content-length', length ?? String(Buffer.byteLength(body)));
    }
    response.writeHead(status, headers);
    if (bodiless || body.length === 0) response.end();
    else sendBody(response, body);
  }
}

/** AWS's answer where the function failed, or its response is no response. */
const FAILED: UrlResponse = {
  status: 502,
  headers: ['content-type', 'application/json'],
  body: 'Internal Server Error',
};

/** Whether what a request was admitted to is still what it is for. */
function isSame({ url }: UrlTarget, before: UrlTarget): boolean {
  return url.id === before.url.id && url.authType === before.url.authType;
}

/** Adds the headers of an answer and those of the URL's CORS settings, which go before the function's own. */
function addCors(headers: string[], answer: UrlResponse, cors: CorsPolicy, request: IncomingMessage): void {
  for (let index = 0; index < answer.headers.length; index += 2) {
    const name = answer.headers[index]!;
    if (!name.startsWith('access-control-')) headers.push(name, answer.headers[index + 1]!);
  }
  headers.push(...cors.headers(request.headers));
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

/** The client's trace or a new one, and where the function is traced its own part of it. */
function traceOf({ headers }: IncomingMessage, requestId: string, spec: FunctionSpec, now: number): string {
  const sent = headers['x-amzn-trace-id'] as string | undefined;
  if (spec.tracing !== undefined) return activeTrace(sent, now);
  return sent ?? `Root=1-${Math.floor(now / 1000).toString(16)}-${randomPart(requestId)}`;
}

/** 24 hex digits of a UUID, none of them its version or variant. */
function randomPart(uuid: string): string {
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(24);
}

/** https://nodejs.org/api/errors.html */
function isHeaderError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN' || code === 'ERR_HTTP_INVALID_HEADER_VALUE';
}
