import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { Credential, Credentials } from './credential.ts';
import type { Admission, Authenticator, Identity } from './identity.ts';
import { relayAccount } from './relay.ts';
import { readClaim } from './sigv4/claim.ts';
import { checkDate, readScope } from './sigv4/scope.ts';
import type { Scope } from './sigv4/scope.ts';
import { checkSignedHeaders, readSignedHeaders } from './sigv4/signed-headers.ts';
import { SignedRequest } from './sigv4/signed-request.ts';
import { SigningKey } from './sigv4/signing-key.ts';
import { checkAge, parseTimestamp } from './sigv4/timestamp.ts';

/** Scopes remembered with their signing keys; beyond it the memory starts anew. Each key has one a day, region and service. */
const REMEMBERED = 1000;

export interface SignedOptions {
  /** Where keys are looked up, one after the other. */
  readonly credentials: readonly Credentials[];
  /** Names of the services that are served, as they stand in a scope. */
  readonly services: ReadonlySet<string>;
  /** The regions that are served; undefined where any name of a region is one. */
  readonly regions: ReadonlySet<string> | undefined;
  /** Services that take a body which nobody signed. Lambda does not. */
  readonly unsignedPayload?: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A scope that has been seen, with what was looked up and computed for it. */
interface Known {
  readonly scope: Scope;
  readonly credential: Credential;
  readonly key: SigningKey;
  readonly identity: Identity;
}

/**
 * `--auth sigv4`: a request acts for the account whose key has signed it, as AWS checks it. A connection from a sandbox
 * has to be signed as well, and acts for its own account or not at all.
 *
 * Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html,
 * https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
 */
export class SignedAuthenticator implements Authenticator {
  readonly checksSignatures = true;
  readonly #options: SignedOptions;
  /** By the credential of the claim, which names key, day, region and service. */
  readonly #known = new Map<string, Known>();
  /** One string object for the same account and region. */
  readonly #keys = new Map<string, string>();

  constructor(options: SignedOptions) {
    this.#options = options;
  }

  authenticate(request: IncomingMessage): Identity {
    return this.admit(request).identity;
  }

  admit(request: IncomingMessage): Admission {
    const now = this.#options.now();
    const claim = readClaim(request);
    const known = this.#known.get(claim.credential) ?? this.#learn(claim.credential, claim.token);
    const { scope, credential, key, identity } = known;
    if (credential.sessionToken !== claim.token) throw unrecognized();
    credential.check(now);
    const time = parseTimestamp(claim.timestamp);
    checkDate(scope, claim.timestamp);
    checkAge(time, now, claim.expires === undefined ? undefined : claim.expires * 1000);
    const signedHeaders = readSignedHeaders(claim.signedHeaders);
    const repeated = checkSignedHeaders(request, signedHeaders);
    const bound = relayAccount(request.socket);
    if (bound !== undefined && bound !== credential.account) {
      throw new ApiError(
        'AccessDeniedException',
        `A function of account ${bound} can't act for account ${credential.account}: its requests are its own account's.`,
      );
    }
    const unsignedPayload = this.#options.unsignedPayload?.has(scope.service) === true;
    return new SignedRequest({
      request,
      claim,
      scope,
      signedHeaders,
      repeated,
      key,
      identity,
      unsignedPayload,
      credential,
      now,
    });
  }

  #learn(text: string, token: string | undefined): Known {
    const scope = readScope(text, this.#options);
    const { accessKeyId, date, region, service } = scope;
    let credential: Credential | undefined;
    for (const source of this.#options.credentials) credential ??= source.find(accessKeyId, token);
    if (credential === undefined) throw unrecognized();
    const { account, principal } = credential;
    const identity = { account, region, key: this.#key(`${account}/${region}`), service, principal };
    const key = new SigningKey(credential.secretAccessKey, date, region, service);
    const known = { scope, credential, key, identity };
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(text, known);
    return known;
  }

  #key(text: string): string {
    const found = this.#keys.get(text);
    if (found !== undefined) return found;
    if (this.#keys.size >= REMEMBERED) this.#keys.clear();
    this.#keys.set(text, text);
    return text;
  }
}

/** AWS's words for a key that it doesn't know, a token that isn't the key's, and a key that was deactivated. */
function unrecognized(): ApiError {
  return new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
}
