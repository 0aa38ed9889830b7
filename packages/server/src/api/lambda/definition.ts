import * as sdk from '@aws-sdk/client-lambda';
import { RestJson } from '../protocols/rest-json/rest-json.ts';
import { defineService } from '../service.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/welcome.html */
export const LAMBDA = defineService({
  name: 'lambda',
  sdkId: 'Lambda',
  signingName: 'lambda',
  sdk,
  // The functions room answers runtimes that are not known, because AWS does so with an error of its own.
  validation: { error: 'ValidationException', checkedElsewhere: ['Runtime'] },
  // AWS's number, for a package of 50 MB in base64 and the rest.
  maxRequest: 70_167_211,
  // AWS's too: https://github.com/apex/up/issues/722 and https://github.com/prisma/ecosystem-tests/pull/1507
  maxRequests: { UpdateFunctionCode: 69_905_067, UpdateFunctionConfiguration: 5120 },
  protocol: (name, model) => new RestJson(`AWS ${name}`, model),
});
