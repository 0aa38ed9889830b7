import type { IncomingMessage } from 'node:http';
import { credentialOf, parseCredential } from './credential-scope.ts';
import type { Credential, Credentials } from './credential.ts';
import { accountPrincipal, DEFAULT_ACCOUNT, DEFAULT_REGION, DEFAULT_SERVICE } from './identity.ts';
import type { Admission, Authenticator, Identity } from './identity.ts';
import { relayAccount } from './relay.ts';

/** Credentials remembered; beyond it the memory starts anew. A credential is new each day for each client. */
const REMEMBERED = 1000;

/** Nothing is signed for anyone, so any body will do. */
class DevAdmission implements Admission {
  readonly identity: Identity;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  checkBody(body: Buffer): Buffer {
    return body;
  }
}

/**
 * `--auth dev`: any credentials are good. An access key id of 12 digits names the account, a function's own credentials
 * mean its account, any other 000000000000; the region is the credential's. A connection from a sandbox keeps its
 * sandbox's account.
 */
export class DevAuthenticator implements Authenticator {
  readonly checksSignatures = false;
  readonly #sessions: Credentials | undefined;
  readonly #byCredential = new Map<string, Admission>();
  readonly #byName = new Map<string, Admission>();

  /** @param sessions knows the credentials that functions are given. */
  constructor(sessions?: Credentials) {
    this.#sessions = sessions;
  }

  authenticate(request: IncomingMessage): Identity {
    return this.admit(request).identity;
  }

  admit(request: IncomingMessage): Admission {
    const credential = credentialOf(request) ?? '';
    const bound = relayAccount(request.socket);
    const name = bound === undefined ? credential : `${bound} ${credential}`;
    const known = this.#byCredential.get(name);
    if (known !== undefined) return known;
    const { accessKeyId } = parseCredential(credential);
    const session = this.#session(accessKeyId, request);
    const account = bound ?? session?.account ?? (/^\d{12}$/.test(accessKeyId) ? accessKeyId : DEFAULT_ACCOUNT);
    const admission = this.#admission(account, credential, session);
    if (this.#byCredential.size >= REMEMBERED) this.#byCredential.clear();
    this.#byCredential.set(name, admission);
    return admission;
  }

  #session(accessKeyId: string, { headers }: IncomingMessage): Credential | undefined {
    return this.#sessions?.find(accessKeyId, headers['x-amz-security-token'] as string | undefined);
  }

  /** One object for the same principal, region and service, and so one `key`. */
  #admission(account: string, credential: string, session: Credential | undefined): Admission {
    const { region = DEFAULT_REGION, service = DEFAULT_SERVICE } = parseCredential(credential);
    const principal = session?.account === account ? session.principal : accountPrincipal(account);
    const name = `${principal.arn} ${region} ${service}`;
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= REMEMBERED) this.#byName.clear();
    const admission = new DevAdmission({ account, region, key: `${account}/${region}`, service, principal });
    this.#byName.set(name, admission);
    return admission;
  }
}
