import type { GetSessionTokenRequest, GetSessionTokenResponse } from '@aws-sdk/client-sts';
import { ApiError } from '@hearth/protocol';
import { refuseParameters } from './operation.ts';
import type { Handler } from './operation.ts';

/** Seconds that a session of an account's owner lasts at most, whatever it asks for. All keys are the owner's here. */
const LONGEST = 3600;

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html */
export const getSessionToken: Handler<GetSessionTokenRequest, GetSessionTokenResponse> = (
  input,
  { identity: { account, principal }, sessions, now },
) => {
  refuseParameters('GetSessionToken', input, ['SerialNumber', 'TokenCode']);
  if (principal.arn.includes(':assumed-role/')) {
    throw new ApiError('AccessDeniedException', 'Cannot call GetSessionToken with session credentials');
  }
  const duration = Math.min(input.DurationSeconds ?? LONGEST, LONGEST);
  const expiresAt = now() + duration * 1000;
  const issued = sessions.issue({ account, session: '', expiresAt });
  return {
    Credentials: {
      AccessKeyId: issued.accessKeyId,
      SecretAccessKey: issued.secretAccessKey,
      SessionToken: issued.sessionToken,
      Expiration: new Date(expiresAt),
    },
  };
};
