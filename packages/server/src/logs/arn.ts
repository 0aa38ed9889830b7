import { ApiError } from '@hearth/protocol';
import type { LogOwner } from './ports.ts';

/** As `aws` in an ARN: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
function partition(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** The ARN of a log group; `arn` in AWS's answers has `:*` behind it, which means the streams in it. */
export function groupArn({ account, region }: LogOwner, group: string): string {
  return `arn:${partition(region)}:logs:${region}:${account}:log-group:${group}`;
}

export function streamArn(owner: LogOwner, group: string, stream: string): string {
  return `${groupArn(owner, group)}:log-stream:${stream}`;
}

/**
 * The name of the group that a name or an ARN means.
 *
 * @throws ApiError for an ARN of another account or region, which has no groups that the caller may see.
 */
export function groupName(owner: LogOwner, identifier: string): string {
  if (!identifier.startsWith('arn:')) return identifier;
  const match = /^arn:aws[\w-]*:logs:([^:]*):([^:]*):log-group:([^:]+)(?::\*)?$/.exec(identifier);
  if (match === null) {
    throw new ApiError('InvalidParameterException', `${JSON.stringify(identifier)} is not the ARN of a log group.`);
  }
  const [, region, account, name = ''] = match;
  if (region !== owner.region || account !== owner.account) {
    throw new ApiError('ResourceNotFoundException', 'The specified log group does not exist.');
  }
  return name;
}

/**
 * The name of the group that an ARN means.
 *
 * @throws ApiError InvalidParameterException for what is no ARN of a log group: nothing else has tags here.
 */
export function taggedGroup(owner: LogOwner, arn: string): string {
  if (!arn.startsWith('arn:')) {
    throw new ApiError('InvalidParameterException', `${JSON.stringify(arn)} is not the ARN of a log group.`);
  }
  return groupName(owner, arn);
}
