import type { IncomingMessage } from 'node:http';
import { credentialOf, parseCredential } from './credential-scope.ts';
import { DEFAULT_ACCOUNT, DEFAULT_REGION } from './identity.ts';
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
  readonly #byKey = new Map<string, Identity>();

  authenticate(request: IncomingMessage): Identity {
    const credential = credentialOf(request) ?? '';
    const bound = relayAccount(request.socket);
    if (bound !== undefined) return this.#identity(bound, parseCredential(credential).region ?? DEFAULT_REGION);
    const known = this.#byCredential.get(credential);
    if (known !== undefined) return known;
    const { accessKeyId, region } = parseCredential(credential);
    const account = /^\d{12}$/.test(accessKeyId) ? accessKeyId : DEFAULT_ACCOUNT;
    const identity = this.#identity(account, region ?? DEFAULT_REGION);
    if (this.#byCredential.size >= REMEMBERED) this.#byCredential.clear();
    this.#byCredential.set(credential, identity);
    return identity;
  }

  #identity(account: string, region: string): Identity {
    const key = `${account}/${region}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= REMEMBERED) this.#byKey.clear();
    const identity: Identity = { account, region, key };
    this.#byKey.set(key, identity);
    return identity;
  }
}
