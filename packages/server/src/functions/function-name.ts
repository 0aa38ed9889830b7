import { ApiError } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import type { FunctionId } from './function-record.ts';

/** What a function name in any of the accepted forms says. */
export interface FunctionReference {
  readonly region?: string;
  readonly account?: string;
  readonly name: string;
  readonly qualifier?: string;
}

// The same parts, in the same order, as the pattern of NamespacedFunctionName in AWS's model, the widest one.
const FORM =
  /^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(?<account>\d{12}):)?(?:function:)?(?<name>[a-zA-Z0-9-_.]+)(?::(?<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$/;

/**
 * Reads a name, `account:name`, partial ARN or full ARN, each with or without a qualifier.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html ("Name formats").
 *
 * @returns undefined for what is none of them.
 */
export function parseFunctionName(text: string): FunctionReference | undefined {
  const groups = FORM.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { region, account, name, qualifier } = groups;
  return {
    name: name!,
    ...(region === undefined ? {} : { region }),
    ...(account === undefined ? {} : { account }),
    ...(qualifier === undefined ? {} : { qualifier }),
  };
}

/** The unqualified ARN. */
export function functionArn({ account, region, name }: FunctionId): string {
  return `arn:${partition(region)}:lambda:${region}:${account}:function:${name}`;
}

/** The ARN of a version or alias; without a qualifier that of the function. */
export function qualifiedArn(id: FunctionId, qualifier: string | undefined): string {
  return qualifier === undefined ? functionArn(id) : `${functionArn(id)}:${qualifier}`;
}

/** Source: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
export function partition(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  if (region.startsWith('us-gov-')) return 'aws-us-gov';
  return 'aws';
}

/** What a request means by a function's name: the function, and the qualifier it means it with. */
export interface Located {
  readonly id: FunctionId;
  readonly qualifier: string | undefined;
}

/**
 * The function of the caller's own account that a request means.
 *
 * @param action as in `GetFunction`; a part of AWS's message where the function is another account's.
 * @throws ApiError as AWS answers another region, another account and contradictory qualifiers.
 */
export function locate(caller: Caller, text: string, qualifier: string | undefined, action: string): Located {
  const located = locateAnywhere(caller, text, qualifier);
  if (located.id.account !== caller.account) throw accessDenied(caller, located, action);
  return located;
}

/** The same where the function may be another account's. */
export function locateAnywhere(caller: Caller, text: string, qualifier: string | undefined): Located {
  const reference = parseFunctionName(text);
  if (reference === undefined) {
    throw new ApiError(
      'InvalidParameterValueException',
      `${JSON.stringify(text)} is not the name or ARN of a function.`,
    );
  }
  if (reference.region !== undefined && reference.region !== caller.region) {
    throw new ApiError(
      'ResourceNotFoundException',
      `Functions from '${reference.region}' are not reachable in this region ('${caller.region}')`,
    );
  }
  if (qualifier !== undefined && reference.qualifier !== undefined && qualifier !== reference.qualifier) {
    throw new ApiError(
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  }
  const id = { account: reference.account ?? caller.account, region: caller.region, name: reference.name };
  return { id, qualifier: qualifier ?? reference.qualifier };
}

/** What somebody of another account is told who isn't allowed to do something, whether there is such a function or not. */
export function accessDenied(
  { account, region, principal }: Caller,
  { id, qualifier }: Located,
  action: string,
): ApiError {
  const user = principal?.arn ?? `arn:${partition(region)}:iam::${account}:root`;
  return new ApiError(
    'AccessDeniedException',
    `User: ${user} is not authorized to perform: lambda:${action} on resource: ${qualifiedArn(id, qualifier)} because no ` +
      `resource-based policy allows the lambda:${action} action`,
  );
}
