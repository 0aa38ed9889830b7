import type { IncomingMessage } from 'node:http';

/**
 * Who acts, as STS's GetCallerIdentity says it.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
 */
export interface Principal {
  /** `arn:aws:iam::ACCOUNT:root` for an account's own keys, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` for a function. */
  readonly arn: string;
  /** The account's id, or `AROA...:SESSION`. */
  readonly userId: string;
}

/** On whose behalf a request acts, where, and for which service it is meant. */
export interface Identity {
  /** 12 digits. */
  readonly account: string;
  /** As `us-east-1`. */
  readonly region: string;
  /** `account/region`; the same string object for the same identity, so that maps find it quickly. */
  readonly key: string;
  /** The service in the scope of the signature, as `lambda`, `logs` or `sts`; `lambda` where there is none. */
  readonly service: string;
  readonly principal: Principal;
}

/** A request whose head is found good. Nothing may be done for it before its body is too. */
export interface Admission {
  readonly identity: Identity;
  /**
   * Holds the whole body against what was signed; to be called once, also for a request without a body.
   *
   * @returns the body that the client meant to send, which is another where it came in signed chunks.
   * @throws ApiError where it is not the body that was signed.
   */
  checkBody(body: Buffer): Buffer;
}

/** Decides who sent a request. */
export interface Authenticator {
  /** Whether it believes nobody without a signature. */
  readonly checksSignatures: boolean;
  /** @throws ApiError where the request may not act for anyone, as far as its head tells. */
  admit(request: IncomingMessage): Admission;
  /** The identity alone, of a request whose body will not be looked at. */
  authenticate(request: IncomingMessage): Identity;
}

/** The region of a request that names none. */
export const DEFAULT_REGION = 'us-east-1';

/** The service of a request that names none. */
export const DEFAULT_SERVICE = 'lambda';

/** The account of credentials that name none. */
export const DEFAULT_ACCOUNT = '000000000000';

/** The principal of an account's own keys, which may do anything in it. */
export function accountPrincipal(account: string): Principal {
  return { arn: `arn:aws:iam::${account}:root`, userId: account };
}
