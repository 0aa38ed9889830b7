import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Connections } from './connections.ts';
import { MOST_HEADERS } from './head.ts';
import { malformed, rawAnswer, refuseConnection } from './malformed.ts';

export interface HttpLimits {
  /** Connections at once. */
  readonly maxConnections: number;
  /** From the connection, or the last answer on it, to the end of a request's headers: ms. */
  readonly headersTimeoutMs: number;
  /** From its first byte to the end of a request's body: ms. */
  readonly requestTimeoutMs: number;
  /** An unused connection is closed after this: ms. */
  readonly keepAliveMs: number;
  /** Requests on one connection before it is closed; 0 for any number. */
  readonly requestsPerConnection: number;
}

/** Of all headers of one request: bytes. node:http's own default, and the most that AWS's clients come near. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How often slow requests are looked for. */
const CHECK_MS = 1_000;

/**
 * A node:http server that holds out against hostile clients: what it can't read is answered in the form of AWS's errors,
 * what is slow ends, and connections that nobody uses keep nobody out. Its `request` event is as of any other.
 */
export function createHttpServer(limits: HttpLimits): Server {
  const connections = new Connections(limits.maxConnections);
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: CHECK_MS,
    // head.ts sees to it, and is answered in AWS's form.
    requireHostHeader: false,
  });
  server.maxHeadersCount = MOST_HEADERS;
  server.maxRequestsPerSocket = limits.requestsPerConnection;
  server.on('connection', (socket: Socket) => connections.add(socket));
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    connections.use(request.socket, response);
    // Nothing is spoken here but HTTP. After such a request node:http's parser swallows what is malformed, without a word.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
  });
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // The client waits with its body. It may send it as soon as somebody wants to read it, and never if the head alone is refused.
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue();
    });
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
  // A tunnel to somewhere else: there is none. node:http hands over the bare connection.
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    socket.end(rawAnswer(malformed('CONNECT asks for a proxy, which Hearth is not')));
  });
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    // node:http keeps the answer under way there; its own handler of this event looks at the same place.
    const { _httpMessage: response } = socket as Duplex & { _httpMessage?: ServerResponse | null };
    refuseConnection(error, socket, response?.headersSent === true);
  });
  return server;
}
