/** Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddPermissionRequest } from '@aws-sdk/client-lambda';
import { statementOf } from './policy-document.ts';
import { isAllowed } from './policy-evaluation.ts';
import type { AccessPrincipal, AccessRequest } from './policy-evaluation.ts';

const ARN = 'arn:aws:lambda:us-east-1:111111111111:function:f';
const root: AccessPrincipal = { account: '222222222222', arn: 'arn:aws:iam::222222222222:root' };
const session = (role: string, account = '222222222222'): AccessPrincipal => ({
  account,
  arn: `arn:aws:sts::${account}:assumed-role/${role}/session`,
});

/** What a permission of this kind says to a request to invoke. */
function allows(over: Partial<AddPermissionRequest>, request: Partial<AccessRequest>): boolean {
  const statement = statementOf(
    { FunctionName: 'f', StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '222222222222', ...over },
    'us-east-1',
    ARN,
  );
  return isAllowed([statement], { action: 'lambda:InvokeFunction', principal: root, ...request });
}

test('without a statement nothing is allowed', () => {
  assert.equal(isAllowed([], { action: 'lambda:InvokeFunction', principal: root }), false);
});

test('an action is allowed by its name, by all of Lambda’s, or by all', () => {
  const action = 'lambda:GetFunction';
  assert.equal(allows({ Action: action }, { action }), true);
  assert.equal(allows({ Action: 'lambda:getfunction' }, { action }), true, 'actions are the same in any case');
  assert.equal(allows({ Action: 'lambda:*' }, { action }), true);
  assert.equal(allows({ Action: '*' }, { action }), true);
  assert.equal(allows({ Action: 'lambda:GetFunctionConfiguration' }, { action }), false);
  assert.equal(allows({ Action: 'lambda:Get' }, { action }), false);
});

test('an account’s permission is for all that belongs to it, and for nobody else', () => {
  for (const Principal of ['222222222222', 'arn:aws:iam::222222222222:root']) {
    assert.equal(allows({ Principal }, { principal: root }), true);
    assert.equal(allows({ Principal }, { principal: session('any') }), true);
    assert.equal(allows({ Principal }, { principal: session('any', '333333333333') }), false);
    assert.equal(allows({ Principal }, { principal: { service: 's3.amazonaws.com' } }), false);
    assert.equal(allows({ Principal }, { principal: undefined }), false);
  }
});

test('a role’s permission is for its sessions, whatever its path, and not for its account', () => {
  for (const Principal of [
    'arn:aws:iam::222222222222:role/worker',
    'arn:aws:iam::222222222222:role/team/of/ours/worker',
    'arn:aws:sts::222222222222:assumed-role/worker/session',
  ]) {
    assert.equal(allows({ Principal }, { principal: session('worker') }), true, Principal);
    for (const other of [root, session('workers'), session('team'), session('worker', '333333333333'), undefined]) {
      assert.equal(allows({ Principal }, { principal: other }), false, `${Principal} ${JSON.stringify(other)}`);
    }
  }
  const other = 'arn:aws:sts::222222222222:assumed-role/worker/another';
  assert.equal(allows({ Principal: other }, { principal: session('worker') }), false);
});

test('a service’s permission is for that service, and * for anyone', () => {
  const Principal = 's3.amazonaws.com';
  assert.equal(allows({ Principal }, { principal: { service: 's3.amazonaws.com' } }), true);
  assert.equal(allows({ Principal }, { principal: { service: 'sns.amazonaws.com' } }), false);
  assert.equal(allows({ Principal }, { principal: root }), false);
  for (const principal of [root, session('any'), { service: 'sns.amazonaws.com' }, undefined]) {
    assert.equal(allows({ Principal: '*' }, { principal }), true);
  }
});

test('all conditions must hold, and one on what the request hasn’t never does', () => {
  const conditions: [Partial<AddPermissionRequest>, Record<string, string>, Record<string, string>][] = [
    [
      { SourceAccount: '333333333333' },
      { 'aws:sourceaccount': '333333333333' },
      { 'aws:sourceaccount': '333333333334' },
    ],
    [{ SourceArn: 'arn:aws:s3:::b' }, { 'aws:sourcearn': 'arn:aws:s3:::b' }, { 'aws:sourcearn': 'arn:aws:s3:::bb' }],
    [{ PrincipalOrgID: 'o-0123456789' }, { 'aws:principalorgid': 'o-0123456789' }, { 'aws:principalorgid': 'o-1' }],
    [{ EventSourceToken: 't' }, { 'lambda:eventsourcetoken': 't' }, { 'lambda:eventsourcetoken': 'T' }],
    [
      { InvokedViaFunctionUrl: true },
      { 'lambda:invokedviafunctionurl': 'true' },
      { 'lambda:invokedviafunctionurl': 'false' },
    ],
  ];
  for (const [condition, right, wrong] of conditions) {
    assert.equal(allows(condition, { context: right }), true, JSON.stringify(condition));
    assert.equal(allows(condition, { context: wrong }), false, JSON.stringify(condition));
    assert.equal(allows(condition, {}), false, JSON.stringify(condition));
  }
  const both = { SourceAccount: '333333333333', SourceArn: 'arn:aws:s3:::b' };
  const context = { 'aws:sourceaccount': '333333333333', 'aws:sourcearn': 'arn:aws:s3:::b' };
  assert.equal(allows(both, { context }), true);
  assert.equal(allows(both, { context: { ...context, 'aws:sourceaccount': '1' } }), false);
  const url = { Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' as const, Principal: '*' };
  const called = { action: 'lambda:InvokeFunctionUrl', principal: undefined };
  assert.equal(allows(url, { ...called, context: { 'lambda:functionurlauthtype': 'NONE' } }), true);
  assert.equal(allows(url, { ...called, context: { 'lambda:functionurlauthtype': 'AWS_IAM' } }), false);
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
test('wildcards in a source’s ARN stay within its parts', () => {
  const like = (pattern: string, arn: string) => allows({ SourceArn: pattern }, { context: { 'aws:sourcearn': arn } });
  const api = 'arn:aws:execute-api:us-east-1:111111111111:abc/prod/GET/pets/1';
  assert.equal(like('arn:aws:execute-api:us-east-1:111111111111:abc/*/GET/pets/*', api), true);
  assert.equal(like('arn:aws:execute-api:us-east-1:111111111111:abc/*', api), true);
  assert.equal(like('arn:aws:execute-api:us-east-1:111111111111:abc/*/POST/*', api), false);
  assert.equal(like('arn:aws:execute-api:us-????-1:*:abc/*', api), true);
  assert.equal(like('arn:aws:execute-api:us-???-1:*:abc/*', api), false);
  assert.equal(like('arn:aws:execute-api:*:abc/prod/GET/pets/1', api), false, 'a * reaches over no colon');
  assert.equal(like('arn:aws:sqs:*:*:q:*', 'arn:aws:sqs:eu-west-1:111111111111:q:a:b'), true, 'but in the last part');
  assert.equal(like('arn:aws:s3:::b*c*d', 'arn:aws:s3:::b-c-c-d'), true);
  assert.equal(like('arn:aws:s3:::b*c*d', 'arn:aws:s3:::b-c-c-e'), false);
});

test('a pattern of many wildcards takes no long time', () => {
  const SourceArn = `arn:aws:s3:::${'*a'.repeat(1000)}b`;
  const context = { 'aws:sourcearn': `arn:aws:s3:::${'a'.repeat(3000)}` };
  const before = performance.now();
  assert.equal(allows({ SourceArn }, { context }), false);
  assert.ok(performance.now() - before < 2000);
});
