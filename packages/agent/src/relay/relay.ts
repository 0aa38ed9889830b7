/**
 * Brings a function's calls of Hearth's own API to the server: a plain byte relay. What comes out at the server is
 * bound to the sandbox's account there, whatever credentials the request carries.
 */
import { connect, createServer, type Server } from 'node:net';
import { encodeJson, Kind } from '@hearth/protocol';

/** Open connections that one slot may have to the API at a time. */
const MAX_CONNECTIONS = 64;

export interface RelayOptions {
  /** The server's Unix socket. */
  socket: string;
  /** The instance's token. */
  token: string;
  /** The sandbox that uses the slot now. */
  sandboxOf: (slot: number) => string | undefined;
}

export class Relay {
  readonly #options: RelayOptions;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Serves one slot. @param listener a listening socket; it is the relay's from now on. */
  serve(slot: number, listener: number): Disposable {
    const server: Server = createServer({ allowHalfOpen: true }, (client) => {
      const sandbox = this.#options.sandboxOf(slot);
      client.on('error', () => client.destroy());
      if (sandbox === undefined) {
        client.destroy();
        return;
      }
      const upstream = connect({ path: this.#options.socket, allowHalfOpen: true });
      upstream.write(encodeJson(Kind.hello, 0, { role: 'relay', token: this.#options.token, sandbox }));
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
      client.pipe(upstream);
      upstream.pipe(client);
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.listen({ fd: listener });
    return { [Symbol.dispose]: () => void server.close() };
  }
}
