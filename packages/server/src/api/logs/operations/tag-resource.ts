import type { TagResourceRequest } from '@aws-sdk/client-cloudwatch-logs';
import { taggedGroup } from '../../../logs/arn.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html */
export const tagResource: Handler<TagResourceRequest, object> = async ({ resourceArn, tags }, { logs, identity }) => {
  await logs.groups.tag(identity, taggedGroup(identity, resourceArn!), tags!);
  return {};
};
