import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { relayAccount } from '../../auth/relay.ts';

/** What is known of one connection. */
interface Connection {
  /** Of its last request; undefined before the first one has come whole. */
  response: ServerResponse | undefined;
  /** Counts up with each request on any connection: a connection with a lower one was used earlier. */
  used: number;
}

/** How many idle connections are closed at a time, so that looking for them is rare. */
const ROUND = 0.05;
/** Of all connections, those that the sandboxes of one account may have. */
const ACCOUNT_SHARE = 0.25;

/**
 * Keeps the number of connections below a limit: where one more comes, those that were idle for longest give way, so that
 * clients who hold connections without using them keep nobody out. A connection on which the head of a request comes slowly
 * counts as idle. If none is, the new one is closed.
 */
export class Connections {
  readonly #limit: number;
  readonly #open = new Map<Socket, Connection>();
  readonly #ofAccount = new Map<string, number>();
  #sequence = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#open.size;
  }

  /** A connection has come; it is destroyed if there is no room for it. */
  add(socket: Socket): void {
    const account = relayAccount(socket);
    if (!this.#hasRoom(account)) {
      socket.destroy();
      return;
    }
    this.#open.set(socket, { response: undefined, used: ++this.#sequence });
    if (account !== undefined) this.#ofAccount.set(account, (this.#ofAccount.get(account) ?? 0) + 1);
    socket.once('close', () => this.#remove(socket, account));
  }

  /** A request has begun on a connection. */
  use(socket: Socket, response: ServerResponse): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.response = response;
    connection.used = ++this.#sequence;
  }

  #hasRoom(account: string | undefined): boolean {
    if (account !== undefined && (this.#ofAccount.get(account) ?? 0) >= this.#limit * ACCOUNT_SHARE) return false;
    if (this.#open.size >= this.#limit) this.#closeIdle();
    return this.#open.size < this.#limit;
  }

  #closeIdle(): void {
    const idle = [...this.#open].filter(([, { response }]) => response === undefined || response.writableFinished);
    idle.sort(([, a], [, b]) => a.used - b.used);
    for (const [socket] of idle.slice(0, Math.ceil(this.#limit * ROUND))) {
      socket.destroy();
      // Its `close` comes later, but its place is free now.
      this.#remove(socket, relayAccount(socket));
    }
  }

  #remove(socket: Socket, account: string | undefined): void {
    if (!this.#open.delete(socket) || account === undefined) return;
    const left = this.#ofAccount.get(account)! - 1;
    if (left === 0) this.#ofAccount.delete(account);
    else this.#ofAccount.set(account, left);
  }
}
