import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { EventStreamCodec } from '@smithy/core/event-streams';
import type { FunctionConfiguration } from '../client/functions.ts';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/** A request as the server saw it. */
export interface Seen {
  method: string;
  path: string;
  authorization: string | undefined;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

/** What a test decides about an invocation's answer. */
export type InvokeAnswer = { body: string; headers?: Record<string, string> };

/** Speaks as much of Hearth's HTTP as the commands use, out of memory: functions, invocations, logs, fleet. */
export class FakeServer implements AsyncDisposable {
  readonly functions = new Map<string, FunctionConfiguration & { zip: Buffer }>();
  readonly seen: Seen[] = [];
  readonly logs: string[] = [];
  fleet: unknown = { instances: [] };
  advice: unknown = { functions: [] };
  /** Records of invocations by request id. */
  readonly records = new Map<string, object>();
  /** How many looks at a new function find it still pending. */
  pendingLooks = 1;
  /** Why the next codes can't take over, one after the other; undefined for one that can. */
  readonly failures: (string | undefined)[] = [];
  onInvoke: (name: string, event: unknown) => InvokeAnswer = (_name, event) => ({ body: JSON.stringify(event) });
  /** Payloads of PayloadChunk, and then what InvokeComplete says; without that the answer breaks off. */
  onStream: (name: string, event: unknown) => AsyncIterable<string | object> = async function* () {};
  readonly #http = createServer((request, response) => void this.#handle(request, response));

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', this.url);
    const body = (await json(request).catch(() => ({}))) as Record<string, unknown>;
    this.seen.push({ method, path: url.pathname + url.search, authorization: headers.authorization, headers, body });
    const answer = (status: number, value: unknown, more: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...more });
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    };
    const fail = (status: number, type: string, message: string) =>
      answer(status, { Type: 'User', Message: message }, { 'x-amzn-errortype': type });

    const [, requestId] = /^\/_hearth\/invocations\/(.+)$/.exec(url.pathname) ?? [];
    if (requestId !== undefined) {
      const record = this.records.get(decodeURIComponent(requestId));
      if (record === undefined) return fail(404, 'ResourceNotFoundException', 'no record');
      return answer(200, record);
    }
    if (url.pathname === '/_hearth/advice') return answer(200, this.advice);
    if (url.pathname === '/_hearth/fleet') return answer(200, this.fleet);
    if (url.pathname === '/_hearth/logs') return this.#sendLogs(response, url.searchParams.get('follow') === '1');
    const streamed = /^\/2021-11-15\/functions\/([^/]+)\/response-streaming-invocations$/.exec(url.pathname);
    if (streamed !== null) return this.#stream(response, this.onStream(decodeURIComponent(streamed[1]!), body));
    const match = /^\/2015-03-31\/functions(?:\/([^/]+)(\/\w+)?)?$/.exec(url.pathname);
    if (match === null) return fail(404, 'UnknownOperationException', 'no such path');
    const name = decodeURIComponent(match[1] ?? (body.FunctionName as string | undefined) ?? '');
    const found = this.functions.get(name);
    const what = `${method} ${match[2] ?? (match[1] === undefined ? '' : '/')}`;
    if (what === 'GET ') return this.#list(url, answer);
    if (what === 'POST ') return answer(201, this.#create(name, body));
    if (found === undefined) return fail(404, 'ResourceNotFoundException', `Function not found: ${name}`);
    if (what === 'GET /configuration') return answer(200, this.#look(found));
    if (what === 'PUT /code') return answer(200, this.#setCode(found, body.ZipFile));
    if (what === 'PUT /configuration') return answer(200, Object.assign(found, body));
    if (what === 'POST /invocations') {
      const { body: text, headers: more = {} } = this.onInvoke(name, body);
      return answer(200, text, { 'x-hearth-start-path': 'warm', 'x-amzn-requestid': 'request-1', ...more });
    }
    this.functions.delete(name);
    return answer(204, '');
  }

  async #stream(response: ServerResponse, events: AsyncIterable<string | object>): Promise<void> {
    response.writeHead(200, { 'x-hearth-start-path': 'warm', 'x-amzn-requestid': 'request-1' });
    for await (const event of events) {
      const [type, body] =
        typeof event === 'string' ? ['PayloadChunk', event] : ['InvokeComplete', JSON.stringify(event)];
      const headers = { ':event-type': { type: 'string' as const, value: type } };
      // In pieces, as a network may cut them.
      const bytes = Buffer.from(codec.encode({ headers, body: Buffer.from(body, 'latin1') }));
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
    }
    response.end();
  }

  /** Two a page, so that a command has to ask for the next. */
  #list(url: URL, answer: (status: number, value: unknown) => void): void {
    const all = [...this.functions.values()].map(({ zip: _zip, ...shown }) => shown);
    const from = Number(url.searchParams.get('Marker') ?? 0);
    const marker = from + 2 < all.length ? { NextMarker: String(from + 2) } : {};
    answer(200, { Functions: all.slice(from, from + 2), ...marker });
  }

  #create(name: string, body: Record<string, unknown>): FunctionConfiguration {
    const defaults = { MemorySize: 128, Timeout: 3, LastModified: new Date().toISOString() };
    const made = { ...defaults, ...body, FunctionName: name, State: 'Pending', LastUpdateStatus: 'Successful' };
    const found = {
      FunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      zip: Buffer.alloc(0),
      ...made,
    };
    this.functions.set(name, found);
    return this.#setCode(found, (body.Code as { ZipFile: string }).ZipFile);
  }

  #setCode(found: FunctionConfiguration & { zip: Buffer }, zip: unknown): FunctionConfiguration {
    found.zip = Buffer.from(String(zip), 'base64');
    const failure = this.failures.shift();
    found.LastUpdateStatus = failure === undefined ? 'Successful' : 'Failed';
    if (failure !== undefined) found.LastUpdateStatusReason = failure;
    found.CodeSize = found.zip.length;
    found.CodeSha256 = createHash('sha256').update(found.zip).digest('base64');
    return found;
  }

  #look(found: FunctionConfiguration): FunctionConfiguration {
    if (found.State === 'Pending' && this.pendingLooks-- <= 0) found.State = 'Active';
    return found;
  }

  #sendLogs(response: ServerResponse, follow: boolean): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const message of this.logs) {
      response.write(`${JSON.stringify({ timestamp: 1_700_000_000_000, stream: 's', message })}\n`);
    }
    if (!follow) response.end();
  }
}
