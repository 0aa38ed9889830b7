import type { FunctionConfiguration, PublishVersionRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html */
export const publishVersion: Handler<PublishVersionRequest, FunctionConfiguration> = (input, { functions, identity }) =>
  functions.versions.publish(identity, input);
