import type { UntagResourceRequest } from '@aws-sdk/client-cloudwatch-logs';
import { taggedGroup } from '../../../logs/arn.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagResource.html */
export const untagResource: Handler<UntagResourceRequest, object> = async (
  { resourceArn, tagKeys },
  { logs, identity },
) => {
  await logs.groups.untag(identity, taggedGroup(identity, resourceArn!), tagKeys!);
  return {};
};
