import type { AssumeRoleRequest, AssumeRoleResponse } from '@aws-sdk/client-sts';
import { ApiError } from '@hearth/protocol';
import { refuseParameters } from './operation.ts';
import type { Handler } from './operation.ts';

const REFUSED = ['Policy', 'PolicyArns', 'SerialNumber', 'TokenCode', 'ProvidedContexts'];
/** Seconds: the default, and the longest session of a role that a role's session assumes ("role chaining"). */
const HOUR = 3600;

/**
 * Roles are taken as names: whoever may act for an account may act there under any role's name.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
export const assumeRole: Handler<AssumeRoleRequest, AssumeRoleResponse> = (input, { identity, sessions, now }) => {
  refuseParameters('AssumeRole', input, REFUSED);
  const role = input.RoleArn!;
  const duration = input.DurationSeconds ?? HOUR;
  const account = /^arn:aws[\w-]*:iam::(\d{12}):role\/[\w+=,.@/-]+$/.exec(role)?.[1];
  if (account === undefined) throw new ApiError('ValidationException', `${role} is invalid`);
  if (account !== identity.account) {
    throw new ApiError(
      'AccessDeniedException',
      `User: ${identity.principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`,
    );
  }
  if (duration > HOUR && identity.principal.arn.includes(':assumed-role/')) {
    throw new ApiError(
      'ValidationException',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  const expiresAt = now() + duration * 1000;
  const issued = sessions.issue({ account, role, session: input.RoleSessionName!, expiresAt });
  return {
    Credentials: {
      AccessKeyId: issued.accessKeyId,
      SecretAccessKey: issued.secretAccessKey,
      SessionToken: issued.sessionToken,
      Expiration: new Date(expiresAt),
    },
    AssumedRoleUser: { Arn: issued.principal.arn, AssumedRoleId: issued.principal.userId },
    ...(input.SourceIdentity === undefined ? {} : { SourceIdentity: input.SourceIdentity }),
  };
};
