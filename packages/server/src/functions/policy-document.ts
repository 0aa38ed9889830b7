import { randomUUID } from 'node:crypto';
import type { AddPermissionRequest } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import { partition } from './function-name.ts';

/** Who a statement is about: anyone; accounts, roles and sessions by ARN; or an AWS service. */
export type StatementPrincipal = '*' | { readonly AWS: string } | { readonly Service: string };

/** Operators to condition keys to the values that are asked for. */
export type StatementCondition = Readonly<Partial<Record<ConditionOperator, Readonly<Record<string, string>>>>>;

export type ConditionOperator = 'StringEquals' | 'ArnLike' | 'Bool';

/**
 * One permission, in the form and with the order of members that AWS shows it in.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal: StatementPrincipal;
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: StatementCondition;
}

/** A policy as it is stored, of a function or of one of its versions or aliases. A part of the function's record. JSON. */
export interface PolicyRecord {
  /** Absent for the policy of the function's unqualified ARN. */
  readonly qualifier?: string;
  /** AWS's RevisionId, a UUID, new with each change. */
  readonly revisionId: string;
  readonly statements: readonly Statement[];
}

interface HasPolicies {
  readonly policies?: readonly PolicyRecord[];
}

/** The policy of what a qualifier names, or without one of the unqualified ARN. */
export function policyOf(record: HasPolicies | undefined, qualifier: string | undefined): PolicyRecord | undefined {
  return record?.policies?.find((policy) => policy.qualifier === qualifier);
}

/** A function's record with other statements for one qualifier; without any there is no policy. */
export function withPolicy<T extends HasPolicies>(
  { policies: before = [], ...record }: T,
  qualifier: string | undefined,
  statements: readonly Statement[],
): Omit<T, 'policies'> & HasPolicies {
  const others = before.filter((policy) => policy.qualifier !== qualifier);
  const policy: PolicyRecord = {
    ...(qualifier === undefined ? {} : { qualifier }),
    revisionId: randomUUID(),
    statements,
  };
  const policies = statements.length === 0 ? others : [...others, policy];
  return policies.length === 0 ? record : { ...record, policies };
}

/** The whole document as GetPolicy shows it. */
export function policyDocument(statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements });
}

/**
 * The statement that a request of AddPermission means.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
 *
 * @param resource the ARN that it is for.
 * @throws ApiError InvalidParameterValueException
 */
export function statementOf(request: AddPermissionRequest, region: string, resource: string): Statement {
  const { StatementId: sid = '', Action: action = '', Principal: principal = '' } = request;
  if (request.FunctionUrlAuthType !== undefined && action !== 'lambda:InvokeFunctionUrl') {
    throw invalid('FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action');
  }
  if (request.InvokedViaFunctionUrl === true && action !== 'lambda:InvokeFunction') {
    throw invalid('InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action');
  }
  const condition = conditionOf(request);
  return {
    Sid: sid,
    Effect: 'Allow',
    Principal: principalOf(principal, region),
    Action: action,
    Resource: resource,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

function principalOf(text: string, region: string): StatementPrincipal {
  if (text === '*') return text;
  if (/^\d{12}$/.test(text)) return { AWS: `arn:${partition(region)}:iam::${text}:root` };
  if (/^arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)\/[\w+=,.@/-]+)$/.test(text)) {
    return { AWS: text };
  }
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazon(aws)?\.com(\.cn)?$/.test(text)) return { Service: text };
  throw invalid('The provided principal was invalid. Please check the principal and try again.');
}

function conditionOf(request: AddPermissionRequest): StatementCondition | undefined {
  const equals = given({
    'AWS:SourceAccount': request.SourceAccount,
    'lambda:EventSourceToken': request.EventSourceToken,
    'lambda:FunctionUrlAuthType': request.FunctionUrlAuthType,
    'aws:PrincipalOrgID': request.PrincipalOrgID,
  });
  const like = given({ 'AWS:SourceArn': request.SourceArn });
  const bool = given({ 'lambda:InvokedViaFunctionUrl': request.InvokedViaFunctionUrl === true ? 'true' : undefined });
  const condition = {
    ...(equals === undefined ? {} : { StringEquals: equals }),
    ...(like === undefined ? {} : { ArnLike: like }),
    ...(bool === undefined ? {} : { Bool: bool }),
  };
  return Object.keys(condition).length === 0 ? undefined : condition;
}

function given(values: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  const some = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return some.length === 0 ? undefined : Object.fromEntries(some);
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
