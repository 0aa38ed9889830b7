import { randomUUID } from 'node:crypto';
import { partition } from '../function-name.ts';
import { policyDocument as documentOf } from '../policy-document.ts';
import { checkPolicySize, statementExists, statementMissing } from '../policy-errors.ts';
import { layerVersionArn } from './layer-name.ts';
import type { LayerPolicy, LayerStatement, LayerVersionRecord } from './layer-record.ts';

/** Whether an account may use a layer version, its owner's or another's. */
export function mayUse({ account: owner, policy }: LayerVersionRecord, account: string): boolean {
  if (account === owner) return true;
  return policy?.statements.some(({ principal }) => principal === '*' || principal === account) ?? false;
}

/**
 * A version's policy with one more statement.
 *
 * @param principal an account's id, the ARN of its root, or `*`.
 * @throws ApiError ResourceConflictException where it has a statement of that id, PolicyLengthExceededException.
 */
export function withStatement(record: LayerVersionRecord, sid: string, principal: string): LayerPolicy {
  const statements = record.policy?.statements ?? [];
  if (statements.some((statement) => statement.sid === sid)) throw statementExists(sid);
  const account = /^arn:.*:iam::(\d{12}):root$/.exec(principal)?.[1] ?? principal;
  const policy = { statements: [...statements, { sid, principal: account }], revisionId: randomUUID() };
  checkPolicySize(policyDocument(record, policy));
  return policy;
}

/**
 * The policy without a statement; undefined where that was the last one.
 *
 * @throws ApiError ResourceNotFoundException where there is no such statement.
 */
export function withoutStatement({ policy }: LayerVersionRecord, sid: string): LayerPolicy | undefined {
  const before = policy?.statements ?? [];
  const statements = before.filter((statement) => statement.sid !== sid);
  if (statements.length === before.length) throw statementMissing(sid);
  return statements.length === 0 ? undefined : { statements, revisionId: randomUUID() };
}

/** As IAM writes policies: https://docs.aws.amazon.com/lambda/latest/dg/permissions-layer-cross-account.html */
export function policyDocument(record: LayerVersionRecord, { statements }: LayerPolicy): string {
  return documentOf(statements.map((statement) => statementObject(record, statement)));
}

export function statementDocument(record: LayerVersionRecord, statement: LayerStatement): string {
  return JSON.stringify(statementObject(record, statement));
}

function statementObject(record: LayerVersionRecord, { sid, principal }: LayerStatement): object {
  return {
    Sid: sid,
    Effect: 'Allow',
    Principal: principal === '*' ? '*' : { AWS: `arn:${partition(record.region)}:iam::${principal}:root` },
    Action: 'lambda:GetLayerVersion',
    Resource: layerVersionArn(record),
  };
}
