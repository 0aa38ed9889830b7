import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import { functionArn, locate, parseFunctionName } from './function-name.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:my-function';

test('every form of a name is read', () => {
  const cases: [string, object][] = [
    ['my-function', { name: 'my-function' }],
    ['my-function:$LATEST', { name: 'my-function', qualifier: '$LATEST' }],
    ['my-function:live', { name: 'my-function', qualifier: 'live' }],
    ['123456789012:my-function', { account: '123456789012', name: 'my-function' }],
    ['123456789012:function:my-function:7', { account: '123456789012', name: 'my-function', qualifier: '7' }],
    ['function:my-function', { name: 'my-function' }],
    [ARN, { region: 'us-east-1', account: '123456789012', name: 'my-function' }],
    [`${ARN}:7`, { region: 'us-east-1', account: '123456789012', name: 'my-function', qualifier: '7' }],
    [
      'arn:aws-cn:lambda:cn-north-1:123456789012:function:f',
      { region: 'cn-north-1', account: '123456789012', name: 'f' },
    ],
  ];
  for (const [text, reference] of cases) assert.deepEqual({ ...parseFunctionName(text) }, reference, text);
  for (const text of ['', ' ', 'a b', 'a/b', 'a:b:c:d', `${ARN}:a:b`, 'a\n', '../x', 'arn:aws:s3:::bucket']) {
    assert.equal(parseFunctionName(text), undefined, text);
  }
});

const arn = (region: string) => functionArn({ account: '123456789012', region, name: 'f' });

test('an ARN names the partition of its region', () => {
  assert.equal(arn('cn-north-1'), 'arn:aws-cn:lambda:cn-north-1:123456789012:function:f');
  assert.equal(arn('us-gov-west-1'), 'arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f');
});

test('a caller reaches functions of its own account and region only', () => {
  const caller = { account: '123456789012', region: 'us-east-1' };
  const code = (name: string, qualifier?: string) => {
    try {
      locate(caller, name, qualifier, 'GetFunction');
      return 'found';
    } catch (error) {
      return (error as ApiError).code;
    }
  };
  assert.equal(code(ARN), 'found');
  assert.equal(code(`${ARN}:1`, '1'), 'found');
  assert.equal(code(ARN.replace('us-east-1', 'eu-west-1')), 'ResourceNotFoundException');
  assert.equal(code(ARN.replace('123456789012', '000000000000')), 'AccessDeniedException');
  assert.equal(code('000000000000:my-function'), 'AccessDeniedException');
  assert.equal(code(`${ARN}:1`, '2'), 'InvalidParameterValueException');
});
