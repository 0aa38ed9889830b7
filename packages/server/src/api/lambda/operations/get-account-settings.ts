import type { GetAccountSettingsRequest, GetAccountSettingsResponse } from '@aws-sdk/client-lambda';
import { LIMITS } from '../../../functions/limits.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html */
export const getAccountSettings: Handler<GetAccountSettingsRequest, GetAccountSettingsResponse> = (
  _input,
  { functions, identity },
) => {
  const usage = functions.usage(identity);
  return {
    AccountLimit: {
      TotalCodeSize: LIMITS.totalCodeSize,
      CodeSizeUnzipped: LIMITS.codeSizeUnzipped,
      CodeSizeZipped: LIMITS.codeSizeZipped,
      ConcurrentExecutions: usage.concurrency,
      UnreservedConcurrentExecutions: usage.unreserved,
    },
    AccountUsage: { TotalCodeSize: usage.codeBytes, FunctionCount: usage.functions },
  };
};
