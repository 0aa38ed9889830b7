import type { IncomingMessage } from 'node:http';
import { credentialOf, parseCredential } from './credential-scope.ts';
import { accountPrincipal, DEFAULT_ACCOUNT, DEFAULT_REGION, DEFAULT_SERVICE } from './identity.ts';
import type { Authenticator, Identity } from './identity.ts';
import { relayAccount } from './relay.ts';

/** Credentials remembered; beyond it the memory starts anew. A credential is new each day for each client. */
const REMEMBERED = 1000;

/**
 * `--auth dev`: any credentials are good. An access key id of 12 digits names the account, any other means
 * 000000000000; the region is the credential's. A connection from a sandbox keeps its sandbox's account.
 */
export class DevAuthenticator implements Authenticator {
  readonly #byCredential = new Map<string, Identity>();
  readonly #byName = new Map<string, Identity>();

  authenticate(request: IncomingMessage): Identity {
    const credential = credentialOf(request) ?? '';
    const bound = relayAccount(request.socket);
    if (bound !== undefined) return this.#identity(bound, credential);
    const known = this.#byCredential.get(credential);
    if (known !== undefined) return known;
    const { accessKeyId } = parseCredential(credential);
    const identity = this.#identity(/^\d{12}$/.test(accessKeyId) ? accessKeyId : DEFAULT_ACCOUNT, credential);
    if (this.#byCredential.size >= REMEMBERED) this.#byCredential.clear();
    this.#byCredential.set(credential, identity);
    return identity;
  }

  /** One object for the same account, region and service, and so one `key`. */
  #identity(account: string, credential: string): Identity {
    const { region = DEFAULT_REGION, service = DEFAULT_SERVICE } = parseCredential(credential);
    const name = `${account}/${region}/${service}`;
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= REMEMBERED) this.#byName.clear();
    const identity: Identity = {
      account,
      region,
      key: `${account}/${region}`,
      service,
      principal: accountPrincipal(account),
    };
    this.#byName.set(name, identity);
    return identity;
  }
}
