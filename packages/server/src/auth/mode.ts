import { isIP } from 'node:net';

/** What `--auth` takes. */
export type AuthMode = 'dev' | 'sigv4';

/** A mode that can't be served there. */
class AuthModeError extends Error {
  override name = 'AuthModeError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Holds a mode against the address that a server is to listen on.
 *
 * @throws Error with a `hint` where the mode can't be served there, so that the server does not open to a network with no
 *   credentials checked.
 */
export function checkAuthMode(mode: AuthMode, host: string): void {
  if (mode === 'dev' && !isLoopback(host)) {
    throw new AuthModeError(
      `--auth dev accepts any credentials, and ${host} is not an address of this machine alone`,
      'Listen on 127.0.0.1, or check signatures with  --auth sigv4 , see docs/guides/credentials.md.',
    );
  }
}

/** 127.0.0.0/8 and ::1 (RFC 6890), and the name that RFC 6761 binds to them. */
function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}
