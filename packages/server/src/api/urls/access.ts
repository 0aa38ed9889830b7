import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { credentialOf, parseCredential } from '../../auth/credential-scope.ts';
import type { Admission, Authenticator, Identity } from '../../auth/identity.ts';
import type { Policies } from '../../functions/policies.ts';
import type { AccessPrincipal } from '../../functions/policy-evaluation.ts';
import type { FunctionUrl } from '../../functions/urls.ts';
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

/** Since October 2025 AWS asks for both. */
const ACTIONS = ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'];

/**
 * Who may call a URL: with AuthType AWS_IAM whoever signs for Lambda in the URL's region, and belongs to its account or is
 * allowed by the policy of what the URL runs; with NONE anyone, where that policy allows it to anyone. In dev mode no
 * policy counts, and any credentials will do, but for AWS_IAM there must be some.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export class UrlAccess {
  readonly #authenticator: Authenticator;
  readonly #policies: Policies;

  constructor(authenticator: Authenticator, policies: Policies) {
    this.#authenticator = authenticator;
    this.#policies = policies;
  }

  /**
   * @returns undefined where nobody has to sign.
   * @throws Forbidden; ApiError as the authenticator does where there is a signature and it is wrong.
   */
  admit(request: IncomingMessage, target: UrlTarget): UrlAdmission | undefined {
    const { url } = target;
    const { checksSignatures } = this.#authenticator;
    if (url.authType === 'NONE') {
      if (checksSignatures && !this.#isAllowed(url, undefined)) throw new Forbidden();
      return undefined;
    }
    const credential = credentialOf(request);
    if (credential === undefined) throw new Forbidden();
    const admission = this.#authenticator.admit(request);
    const { identity } = admission;
    if (checksSignatures && !this.#mayCall(identity, url)) throw new Forbidden();
    const { arn, userId } = identity.principal;
    const { accessKeyId } = parseCredential(credential);
    return { admission, caller: { accessKey: accessKeyId, accountId: identity.account, userArn: arn, userId } };
  }

  #mayCall({ account, region, service, principal }: Identity, url: FunctionUrl): boolean {
    if (service !== LAMBDA.signingName || region !== url.function.region) return false;
    return account === url.function.account || this.#isAllowed(url, { account, arn: principal.arn });
  }

  /** Whether the policy of the function, or of the alias, whichever the URL is of, allows a call. */
  #isAllowed({ function: id, qualifier, authType }: FunctionUrl, principal: AccessPrincipal): boolean {
    const context = { 'lambda:functionurlauthtype': authType, 'lambda:invokedviafunctionurl': 'true' };
    return ACTIONS.every((action) => this.#policies.allows(id, id.name, qualifier, { action, principal, context }));
  }
}

/** What a client that may not call is told, in AWS's words. */
export const FORBIDDEN = '{"Message":"Forbidden"}';

/** Whether the signature is missing, so that AWS says no more than that it is forbidden. */
export function isUnsigned(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'MissingAuthenticationTokenException';
}
