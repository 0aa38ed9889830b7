import type { GetCallerIdentityRequest, GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import type { Caller } from '../../service.ts';

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export function getCallerIdentity(
  _input: GetCallerIdentityRequest,
  { identity: { account, principal } }: Caller,
): GetCallerIdentityResponse {
  return { UserId: principal.userId, Account: account, Arn: principal.arn };
}
