import type { DescribeLogGroupsRequest, DescribeLogGroupsResponse, LogGroup } from '@aws-sdk/client-cloudwatch-logs';
import { ApiError } from '@hearth/protocol';
import { groupArn, groupName } from '../../../logs/arn.ts';
import type { GroupRecord } from '../../../logs/ports.ts';
import type { Context, Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html */
export const describeLogGroups: Handler<DescribeLogGroupsRequest, DescribeLogGroupsResponse> = async (
  { logGroupNamePrefix, logGroupNamePattern, logGroupIdentifiers, logGroupClass, nextToken, limit },
  context,
) => {
  const { logs, identity } = context;
  if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined) {
    throw new ApiError(
      'InvalidParameterException',
      'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.',
    );
  }
  // All groups are of the one class that there is.
  if (logGroupClass !== undefined && logGroupClass !== 'STANDARD') return { logGroups: [] };
  const { groups, token } = await logs.groups.list(identity, {
    prefix: logGroupNamePrefix,
    part: logGroupNamePattern,
    names: logGroupIdentifiers?.map((identifier) => groupName(identity, identifier)),
    token: nextToken,
    limit,
  });
  const describe = logGroupNamePattern === undefined ? describeFully : describeBriefly;
  return { logGroups: groups.map((group) => describe(group, context)), nextToken: token };
};

/** All that AWS says of groups that were searched by a part of their names. */
function describeBriefly({ name, created }: GroupRecord, { identity }: Context): LogGroup {
  return { logGroupName: name, creationTime: created, arn: `${groupArn(identity, name)}:*` };
}

function describeFully(group: GroupRecord, context: Context): LogGroup {
  return {
    ...describeBriefly(group, context),
    ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
    metricFilterCount: 0,
    storedBytes: context.logs.groups.storedBytes(context.identity, group.name),
    logGroupClass: 'STANDARD',
    logGroupArn: groupArn(context.identity, group.name),
    deletionProtectionEnabled: false,
  };
}
