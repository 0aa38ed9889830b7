import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ApiError, RUNTIMES } from '@hearth/protocol';
import { relayAccount } from '../../auth/relay.ts';
import { DEFAULT_REGION } from '../../auth/identity.ts';
import type { Authenticator } from '../../auth/identity.ts';
import type { Caller } from '../../functions/caller.ts';
import type { Functions } from '../../functions/functions.ts';
import { parseFunctionName } from '../../functions/function-name.ts';
import { giveUpUnread, sendJson } from '../answers.ts';
import { CODE_PATH } from '../lambda/code-link.ts';
import type { CodeLinks } from '../lambda/code-link.ts';
import type { LogLine, OperatorPorts } from '../ports.ts';
import { AccountEndpoints, ACCOUNTS_PATH } from './accounts.ts';
import { CAPACITY_PATH, CapacityEndpoints } from './capacity.ts';

/** What all of the operator's endpoints begin with. */
export const OPERATOR_PATH = '/_hearth/';

const RUNTIME = '/_hearth/runtimes/';
const REKEY_PATH = '/_hearth/rekey';
const INVOCATIONS = '/_hearth/invocations/';

/** The endpoints of Hearth itself, beside Lambda's API. */
export class OperatorEndpoints {
  readonly #ports: OperatorPorts;
  readonly #functions: Functions;
  readonly #links: CodeLinks;
  readonly #authenticator: Authenticator;
  readonly #accounts: AccountEndpoints;
  readonly #capacity: CapacityEndpoints;

  constructor(
    ports: OperatorPorts,
    functions: Functions,
    links: CodeLinks,
    authenticator: Authenticator,
    now: () => number,
  ) {
    this.#ports = ports;
    this.#capacity = new CapacityEndpoints(ports.capacity, now);
    this.#authenticator = authenticator;
    this.#accounts = new AccountEndpoints(ports.accounts, functions);
    this.#functions = functions;
    this.#links = links;
  }

  /** @throws ApiError */
  async handle(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const url = new URL(request.url!, 'http://localhost');
    const path = url.pathname;
    const { method } = request;
    if (method === 'GET' && path.startsWith(CODE_PATH)) return this.#code(path, url.searchParams, response, requestId);
    if (method === 'GET' && path === '/_hearth/health') return this.#health(response, requestId);
    if (relayAccount(request.socket) !== undefined) {
      throw new ApiError('AccessDeniedException', "Functions may not use the operator's endpoints.");
    }
    this.#ports.token?.check(request);
    if (path === ACCOUNTS_PATH || path.startsWith(`${ACCOUNTS_PATH}/`) || path === REKEY_PATH) {
      // Keys that somebody makes while nothing is checked would be good once it is.
      if (this.#ports.token === undefined) {
        throw new ApiError(
          'AccessDeniedException',
          'A server with --auth dev has no accounts to speak of: it takes any credentials. Hint: start it with  --auth sigv4',
        );
      }
      if (path !== REKEY_PATH) return this.#accounts.handle(request, response, path, requestId);
      if (method === 'POST') return this.#rekey(response, requestId);
    }
    if (path === CAPACITY_PATH || path.startsWith(`${CAPACITY_PATH}/`)) {
      const caller = (account?: string): Caller => this.#owner(request, url.searchParams, account);
      return this.#capacity.handle(request, response, url, caller, requestId);
    }
    const wanted = method === 'POST' && path.startsWith(RUNTIME) ? path.slice(RUNTIME.length) : undefined;
    if (wanted !== undefined) return this.#fetchRuntime(wanted, response, requestId);
    if (method !== 'GET') throw unknown(method!, path);
    switch (path) {
      case '/_hearth/version':
        return send(response, requestId, { version: this.#ports.version });
      case '/_hearth/fleet':
        return send(response, requestId, this.#ports.fleet());
      case '/_hearth/advice':
        return send(response, requestId, this.#ports.advice());
      case '/_hearth/runtimes':
        return send(response, requestId, { runtimes: this.#ports.runtimes.list() });
      case '/_hearth/metrics': {
        const text = Buffer.from(await this.#ports.metrics());
        response.writeHead(200, ['content-type', 'text/plain; version=0.0.4', 'content-length', String(text.length)]);
        response.end(text);
        return;
      }
      case '/_hearth/logs':
        return this.#logs(url.searchParams, this.#caller(request, url.searchParams), response);
      default:
        if (path.startsWith(INVOCATIONS)) return this.#invocation(path.slice(INVOCATIONS.length), response, requestId);
        throw unknown('GET', path);
    }
  }

  #health(response: ServerResponse, requestId: string): void {
    if (!this.#ports.ready())
      throw new ApiError('ServiceUnavailableException', 'Hearth is starting.', { retryAfterSeconds: 1 });
    send(response, requestId, { status: 'ready', version: this.#ports.version });
  }

  /** Answers at once; how far it is `GET /_hearth/runtimes` shows. */
  #fetchRuntime(name: string, response: ServerResponse, requestId: string): void {
    const runtime = RUNTIMES.find((candidate) => candidate === name);
    if (runtime === undefined) {
      throw new ApiError(
        'ResourceNotFoundException',
        `There is no runtime ${JSON.stringify(name)}: there are ${RUNTIMES.join(', ')}.`,
      );
    }
    this.#ports.runtimes.want(runtime);
    sendJson(response, requestId, 202, JSON.stringify(this.#ports.runtimes.view(runtime)));
  }

  #invocation(id: string, response: ServerResponse, requestId: string): void {
    const record = this.#ports.invocation(id);
    if (record === undefined) {
      throw new ApiError('ResourceNotFoundException', `There is no record of an invocation ${JSON.stringify(id)}.`);
    }
    send(response, requestId, record);
  }

  async #rekey(response: ServerResponse, requestId: string): Promise<void> {
    await this.#ports.rekey();
    send(response, requestId, { rekeyed: true });
  }

  /** Whose functions an operator means: the account's that is named, or that a key is of, or the only one there is. */
  #caller(request: IncomingMessage, query: URLSearchParams): Caller {
    const region = query.get('region') ?? DEFAULT_REGION;
    const account = query.get('account') ?? this.#ports.accounts.find(query.get('accessKeyId') ?? '')?.account;
    if (account !== undefined) return { account, region };
    if (this.#ports.token === undefined) return this.#authenticator.authenticate(request);
    const [only, ...others] = this.#ports.accounts.list();
    if (only !== undefined && others.length === 0) return { account: only.id, region };
    throw new ApiError('InvalidParameterValueException', 'Give account=ID: there is more than one account, or none.');
  }

  /** The same where the request's body may name the account. */
  #owner(request: IncomingMessage, query: URLSearchParams, account: string | undefined): Caller {
    if (account === undefined) return this.#caller(request, query);
    // Where signatures are checked, an account that isn't there will never use what is bought for it.
    if (this.#ports.token !== undefined) this.#ports.accounts.get(account);
    return { account, region: query.get('region') ?? DEFAULT_REGION };
  }

  async #code(path: string, query: URLSearchParams, response: ServerResponse, requestId: string): Promise<void> {
    const code = await this.#functions.openCode(this.#links.check(path, query));
    if (code === undefined) throw new ApiError('ResourceNotFoundException', 'The code has been deleted.');
    response.writeHead(200, [
      'content-type',
      'application/zip',
      'content-length',
      String(code.size),
      'x-amzn-requestid',
      requestId,
    ]);
    giveUpUnread(response);
    await pipeline(code.stream, response).catch((error: NodeJS.ErrnoException) => {
      // The client has gone, which it may; also once it has all the bytes it was told of.
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  }

  /** The log of `function`, one JSON object a line; with `follow=1` until the client goes away. */
  async #logs(query: URLSearchParams, caller: Caller, response: ServerResponse): Promise<void> {
    const name = query.get('function');
    const text = query.get('since');
    const since = text === null ? undefined : Number(text);
    if (name === null || (since !== undefined && !Number.isFinite(since))) {
      throw new ApiError(
        'InvalidParameterValueException',
        'Give function=NAME, and since as milliseconds since the epoch or not at all.',
      );
    }
    const group = this.#logGroup(caller, name);
    const options = since === undefined ? {} : { since };
    response.writeHead(200, ['content-type', 'application/x-ndjson']);
    if (query.get('follow') !== '1') {
      for (const line of await this.#ports.logs.tail(caller, group, options)) response.write(toText(line));
      response.end();
      return;
    }
    // The client must see that it is connected before the first line comes.
    response.flushHeaders();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    for await (const line of this.#ports.logs.follow(caller, group, { ...options, signal: gone.signal })) {
      if (gone.signal.aborted) return;
      if (!response.write(toText(line)))
        await once(response, 'drain', { signal: gone.signal }).catch(() => gone.abort());
    }
    response.end();
  }

  /** Also of a function that is deleted: its log is still there, under the name it has unless told otherwise. */
  #logGroup(caller: Caller, name: string): string {
    try {
      return this.#functions.resolve(caller, name).spec.logGroup;
    } catch (error) {
      const reference = parseFunctionName(name);
      if (!(error instanceof ApiError) || error.code !== 'ResourceNotFoundException' || !reference) throw error;
      return `/aws/lambda/${reference.name}`;
    }
  }
}

function toText({ timestamp, message, requestId }: LogLine): string {
  return `${JSON.stringify({ timestamp, message, requestId })}\n`;
}

function send(response: ServerResponse, requestId: string, value: unknown): void {
  sendJson(response, requestId, 200, JSON.stringify(value));
}

function unknown(method: string, path: string): ApiError {
  return new ApiError(
    'UnknownOperationException',
    `${method} ${path} is none of Hearth's endpoints: health, version, fleet, invocations/REQUEST_ID, advice, metrics, logs, runtimes, accounts, capacity, rekey.`,
  );
}
