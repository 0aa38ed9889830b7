import { isIP } from 'node:net';
import { DevAuthenticator } from './dev.ts';
import type { Authenticator } from './identity.ts';

/** What `--auth` takes. */
export type AuthMode = 'dev' | 'sigv4';

/** A mode that can't be served, there or at all. */
class AuthModeError extends Error {
  override name = 'AuthModeError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * The authenticator of a mode, for a server that listens on `host`.
 *
 * @throws Error with a `hint` where the mode cannot be served, so that the server does not start with less than was
 *   asked for, nor open to a network with no credentials checked.
 */
export function createAuthenticator(mode: AuthMode, host: string): Authenticator {
  if (mode !== 'dev') {
    throw new AuthModeError(
      `--auth ${mode} is not supported yet`,
      'Start with --auth dev, which accepts any credentials and therefore serves the loopback address only.',
    );
  }
  if (!isLoopback(host)) {
    throw new AuthModeError(
      `--auth dev accepts any credentials, and ${host} is not an address of this machine alone`,
      'Listen on 127.0.0.1, and reach it from elsewhere through a tunnel, for instance  ssh -L 4566:127.0.0.1:4566 .',
    );
  }
  return new DevAuthenticator();
}

/** 127.0.0.0/8 and ::1 (RFC 6890), and the name that RFC 6761 binds to them. */
function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}
