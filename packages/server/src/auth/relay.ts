import type { Socket } from 'node:net';

/**
 * A connection that comes from inside a sandbox: whoever accepts it sets the account before emitting `connection` on
 * the HTTP server. Every request on it acts for that account only, in every mode, whatever its credentials say.
 */
export interface RelaySocket extends Socket {
  hearthAccount?: string;
}

/** The account that a connection is bound to, or undefined for a connection from outside. */
export function relayAccount(socket: Socket): string | undefined {
  return (socket as RelaySocket).hearthAccount;
}
