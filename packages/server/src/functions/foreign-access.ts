import type { Caller } from './caller.ts';
import { accessDenied } from './function-name.ts';
import type { Located } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { policyOf } from './policy-document.ts';
import { isAllowed } from './policy-evaluation.ts';

/**
 * The actions that a resource policy can allow to other accounts; all others are its own account's.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html, "Cross-account APIs"
 */
const SHARED = new Set([
  'CreateAlias',
  'DeleteAlias',
  'DeleteFunction',
  'DeleteFunctionConcurrency',
  'GetAlias',
  'GetFunction',
  'GetFunctionConfiguration',
  'GetPolicy',
  'InvokeFunction',
  'ListAliases',
  'ListTags',
  'ListVersionsByFunction',
  'PublishVersion',
  'PutFunctionConcurrency',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateFunctionCode',
]);

/**
 * Whether somebody of another account may do something with a function, by the policy of exactly what was named: that of
 * an alias says nothing about the function's unqualified ARN, nor the other way round.
 *
 * @param record undefined where there is no such function, which others aren't told.
 * @param action the operation's name in IAM.
 * @throws ApiError AccessDeniedException
 */
export function checkForeignAccess(
  caller: Caller,
  located: Located,
  record: FunctionRecord | undefined,
  action: string,
): asserts record is FunctionRecord {
  const statements = policyOf(record, located.qualifier)?.statements ?? [];
  const principal = { account: caller.account, arn: caller.principal?.arn ?? '' };
  if (SHARED.has(action) && isAllowed(statements, { action: `lambda:${action}`, principal })) return;
  throw accessDenied(caller, located, action);
}
