import { DevAuthenticator } from './dev.ts';
import type { Authenticator } from './identity.ts';

/** What `--auth` takes. */
export type AuthMode = 'dev' | 'sigv4';

/**
 * The authenticator of a mode.
 *
 * @throws Error for a mode that cannot be served, so that the server does not start with less than was asked for.
 */
export function createAuthenticator(mode: AuthMode): Authenticator {
  if (mode === 'dev') return new DevAuthenticator();
  throw new Error(
    `--auth ${mode} is not supported yet. Hint: start with --auth dev, which accepts any credentials and therefore ` +
      'serves the loopback address only.',
  );
}
