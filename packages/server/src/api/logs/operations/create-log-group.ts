import type { CreateLogGroupRequest } from '@aws-sdk/client-cloudwatch-logs';
import { ApiError } from '@hearth/protocol';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html */
export const createLogGroup: Handler<CreateLogGroupRequest, object> = async (input, { logs, identity }) => {
  const { logGroupName, tags, kmsKeyId, logGroupClass = 'STANDARD', deletionProtectionEnabled = false } = input;
  if (kmsKeyId !== undefined) throw unavailable('kmsKeyId');
  if (logGroupClass !== 'STANDARD') throw unavailable(`logGroupClass ${logGroupClass}`);
  if (deletionProtectionEnabled) throw unavailable('deletionProtectionEnabled');
  await logs.groups.create(identity, logGroupName!, tags);
  return {};
};

function unavailable(what: string): ApiError {
  return new ApiError('InvalidParameterException', `${what} of CreateLogGroup is not supported by Hearth yet.`);
}
