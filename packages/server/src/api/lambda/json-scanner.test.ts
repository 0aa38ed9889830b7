import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, jsonValue, nat, property, string } from 'fast-check';
import { JsonScanner } from './json-scanner.ts';

function scan(text: string | Buffer, pieces = 1): { valid: boolean; error: number | undefined } {
  const bytes = Buffer.from(text as string);
  const scanner = new JsonScanner();
  const size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let i = 0; i < bytes.length; i += size) scanner.push(bytes.subarray(i, i + size));
  return { valid: scanner.end(), error: scanner.error };
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const CASES = [
  '{}',
  '[]',
  '""',
  '0',
  '-0',
  '1',
  '-1.5e+10',
  '1E5',
  '0.1',
  'true',
  'false',
  'null',
  ' \t\r\n{ } \n',
  '[[],{}]',
  '{"a":1,"b":[true,null,"x\\u00e9\\n\\/\\""]}',
  '"☃"',
  '[1,2 , 3]',
  '1e-3',
  '{"":""}',
  '[[[[[]]]]]',

  '',
  ' ',
  '{',
  '}',
  '[',
  ']',
  '{]',
  '[}',
  '[1,]',
  '[,1]',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{a:1}',
  "'a'",
  '01',
  '-',

  '1.',
  '.5',
  '1e',
  '1e+',
  '+1',
  'tru',
  'truee',
  'nul',
  'True',
  'NaN',
  '"',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"a\nb"',

  '1 2',
  '{} {}',
  '"a" "b"',
  '\ufeff{}',
  '\u00a01',
  '[1 2]',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '-a',
  '1.5.5',
  '1e5e5',
  '--1',
];

for (const text of CASES) {
  test(`agrees with JSON.parse about ${JSON.stringify(text)}, in one piece and in many`, () => {
    for (const pieces of [1, 2, 3, 1000]) assert.equal(scan(text, pieces).valid, parses(text), `${pieces} pieces`);
  });
}

test('agrees with JSON.parse about any value and about any damage to it', () => {
  check(
    property(jsonValue(), nat(), string({ maxLength: 2 }), nat(5), (value, at, insert, pieces) => {
      const text = JSON.stringify(value, null, at % 3);
      assert.equal(scan(text, pieces + 1).valid, true);
      const place = at % (text.length + 1);
      const damaged = text.slice(0, place) + insert + text.slice(place + (at % 2));
      assert.equal(scan(damaged, pieces + 1).valid, parses(damaged), damaged);
    }),
    { numRuns: 2000 },
  );
});

test('tells where the first wrong byte is', () => {
  assert.equal(scan('{"a": x}').error, 6);
  assert.equal(scan('{"a": x}', 4).error, 6);
  assert.equal(scan('{"a":').error, 5);
});

test('a million open brackets cost a million bytes, not the stack', () => {
  const depth = 1_000_000;
  assert.equal(scan('['.repeat(depth) + ']'.repeat(depth)).valid, true);
  assert.equal(scan('['.repeat(depth)).valid, false);
});
