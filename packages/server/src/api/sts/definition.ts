import * as sdk from '@aws-sdk/client-sts';
import { Query } from '../protocols/query/query.ts';
import { defineService } from '../service.ts';

/** https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html */
export const STS = defineService({
  name: 'sts',
  sdkId: 'STS',
  signingName: 'sts',
  sdk,
  validation: { error: 'ValidationException' },
  // The longest of its inputs is a token of 20,000 characters.
  maxRequest: 256 * 1024,
  protocol: (name, model) =>
    new Query(name, model, { version: '2011-06-15', namespace: 'https://sts.amazonaws.com/doc/2011-06-15/' }),
});
