import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { credentialOf, parseCredential } from '../../auth/credential-scope.ts';
import type { Admission, Authenticator, Identity } from '../../auth/identity.ts';
import { LAMBDA } from '../lambda/definition.ts';
import type { IamCaller } from './event.ts';
import type { UrlTarget } from './targets.ts';

/** Thrown where somebody may not call a URL, or there is none: AWS does not say which. */
export class Forbidden extends Error {
  override readonly name = 'Forbidden';
}

/** A caller whose signature is good as far as the head of the request tells. */
export interface UrlAdmission {
  readonly admission: Admission;
  readonly caller: IamCaller;
}

/**
 * Who may call a URL: with AuthType NONE anyone, with AWS_IAM whoever signs for Lambda in the URL's region and belongs to
 * its account. In dev mode any credentials will do, but there must be some.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export class UrlAccess {
  readonly #authenticator: Authenticator;

  constructor(authenticator: Authenticator) {
    this.#authenticator = authenticator;
  }

  /**
   * @returns undefined where nobody has to sign.
   * @throws Forbidden; ApiError as the authenticator does where there is a signature and it is wrong.
   */
  admit(request: IncomingMessage, target: UrlTarget): UrlAdmission | undefined {
    const { url } = target;
    if (url.authType === 'NONE') return undefined;
    const credential = credentialOf(request);
    if (credential === undefined) throw new Forbidden();
    const admission = this.#authenticator.admit(request);
    const { identity } = admission;
    if (this.#authenticator.checksSignatures && !mayCall(identity, target)) throw new Forbidden();
    const { arn, userId } = identity.principal;
    const { accessKeyId } = parseCredential(credential);
    return { admission, caller: { accessKey: accessKeyId, accountId: identity.account, userArn: arn, userId } };
  }
}

function mayCall({ account, region, service }: Identity, { url }: UrlTarget): boolean {
  return service === LAMBDA.signingName && region === url.function.region && account === url.function.account;
}

/** What a client that may not call is told, in AWS's words. */
export const FORBIDDEN = '{"Message":"Forbidden"}';

/** Whether the signature is missing, so that AWS says no more than that it is forbidden. */
export function isUnsigned(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'MissingAuthenticationTokenException';
}
