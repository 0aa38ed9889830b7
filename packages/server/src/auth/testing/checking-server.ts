import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { ApiError, errorEntry } from '@hearth/protocol';
import { accountPrincipal } from '../identity.ts';
import type { Authenticator, Identity } from '../identity.ts';
import type { Credential, Credentials } from '../credential.ts';
import type { RelaySocket } from '../relay.ts';

/** What the server made of a request. */
export interface Verdict {
  readonly identity?: Identity;
  /** As whoever serves the request sees it. */
  readonly url: string;
  /** Latin1. */
  readonly body?: string;
  readonly code?: string;
  readonly message?: string;
  readonly status?: number;
  /** Whether the request was refused for its head alone. */
  readonly early?: boolean;
}

/** What goes over the wire. */
export interface Wire {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
}

/** Says of each request on a real connection who sent it, or why it is refused. */
export class CheckingServer implements AsyncDisposable {
  readonly #server: Server;
  /** Of the sandbox that connections come from; none from outside. */
  relayAccount: string | undefined;
  /** The headers of the last request. */
  seen: IncomingHttpHeaders = {};

  private constructor(authenticator: Authenticator) {
    this.#server = createServer((request, response) => void this.#judge(authenticator, request, response));
    this.#server.on('connection', (socket: RelaySocket) => {
      if (this.relayAccount !== undefined) socket.hearthAccount = this.relayAccount;
    });
  }

  static async start(authenticator: Authenticator): Promise<CheckingServer> {
    const server = new CheckingServer(authenticator);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends a request as it is; what is given as a list goes out in that order, repeated names too. */
  async send({ method, url, headers, body = '' }: Wire): Promise<Verdict> {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port: this.port,
      method,
      path: url,
      headers: headers as OutgoingHttpHeaders,
      agent: false,
      setHost: false,
    });
    // By hand, because node:http adds neither to headers that are a list.
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
    return JSON.parse((await buffer(response)).toString()) as Verdict;
  }

  async #judge(authenticator: Authenticator, request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.seen = request.headers;
    const body = await buffer(request);
    let early = true;
    let verdict: Verdict;
    try {
      const admission = authenticator.admit(request);
      early = false;
      const meant = admission.checkBody(body).toString('latin1');
      verdict = { identity: admission.identity, body: meant, url: request.url! };
    } catch (error) {
      // What is no answer to a caller is a mistake of ours: the test sees the connection break off.
      if (!(error instanceof ApiError)) return void response.destroy();
      const { code, message } = error;
      verdict = { code, message, status: errorEntry(code, 'lambda').status, early, url: request.url! };
    }
    response.end(JSON.stringify(verdict));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** One key that is always good. */
export function oneKey(accessKeyId: string, secretAccessKey: string, account = '123456789012'): Credentials {
  const credential: Credential = {
    account,
    secretAccessKey,
    sessionToken: undefined,
    principal: accountPrincipal(account),
    check() {},
    used() {},
  };
  return { find: (id) => (id === accessKeyId ? credential : undefined) };
}
