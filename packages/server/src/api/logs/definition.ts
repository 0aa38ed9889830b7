import * as sdk from '@aws-sdk/client-cloudwatch-logs';
import { AwsJson } from '../protocols/aws-json.ts';
import { defineService } from '../service.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html */
export const LOGS = defineService({
  name: 'logs',
  sdkId: 'CloudWatch Logs',
  signingName: 'logs',
  sdk,
  validation: { error: 'InvalidParameterException' },
  // A batch of PutLogEvents is 1,048,576 bytes of UTF-8; JSON may write each of them with six characters.
  maxRequest: 8 * 1024 * 1024,
  protocol: (name, model) => new AwsJson(name, model, { target: 'Logs_20140328', version: '1.1' }),
});
