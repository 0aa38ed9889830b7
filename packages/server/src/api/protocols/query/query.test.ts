import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, errorEntry } from '@hearth/protocol';
import type { ErrorCode } from '@hearth/protocol';
import fc from 'fast-check';
import type { Shape, Structure } from '../../model/schema.ts';
import { STS } from '../../sts/definition.ts';
import { element, escapeXml, writeXml } from '../xml.ts';
import { readForm } from './form.ts';

// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html

function structure(members: Record<string, Shape>): Structure {
  const entries = Object.entries(members).map(
    ([name, shape]) => [name, { name, shape, location: 'body', wireName: name }] as const,
  );
  return { kind: 'structure', name: 'Any', union: false, members: new Map(entries) };
}

const TAG = structure({ Key: { kind: 'string' }, Value: { kind: 'string' } });
const INPUT = structure({
  Text: { kind: 'string' },
  Count: { kind: 'number' },
  Flag: { kind: 'boolean' },
  When: { kind: 'timestamp' },
  Data: { kind: 'blob' },
  Names: { kind: 'list', value: { kind: 'string' } },
  Tags: { kind: 'list', value: TAG },
  Attributes: { kind: 'map', value: { kind: 'string' } },
  Nested: structure({ Tag: TAG }),
});

/** A value as a client writes it into a form; the specification's rules, the other way round. */
function writeForm(shape: Shape, value: unknown, name: string): [string, string][] {
  switch (shape.kind) {
    case 'structure':
      return [...shape.members.values()].flatMap((member) => {
        const item = (value as Record<string, unknown>)[member.name];
        return item === undefined
          ? []
          : writeForm(member.shape, item, name === '' ? member.name : `${name}.${member.name}`);
      });
    case 'list': {
      const items = value as unknown[];
      if (items.length === 0) return [[name, '']];
      return items.flatMap((item, index) => writeForm(shape.value, item, `${name}.member.${index + 1}`));
    }
    case 'map':
      return Object.entries(value as object).flatMap(([key, item], index): [string, string][] => [
        [`${name}.entry.${index + 1}.key`, key],
        ...writeForm(shape.value, item, `${name}.entry.${index + 1}.value`),
      ]);
    case 'timestamp':
      return [[name, (value as Date).toISOString()]];
    case 'blob':
      return [[name, (value as Buffer).toString('base64')]];
    default:
      return [[name, String(value)]];
  }
}

const text = fc.string({ unit: 'grapheme' });
const plain = { noNullPrototype: true } as const;
const tag = fc.record({ Key: text, Value: text }, plain);
const input = fc.record(
  {
    Text: text,
    Count: fc.integer(),
    Flag: fc.boolean(),
    When: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') }),
    Data: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    Names: fc.array(text, { maxLength: 12 }),
    Tags: fc.array(tag, { maxLength: 12 }),
    Attributes: fc.dictionary(text, text, { minKeys: 1 }),
    Nested: fc.record({ Tag: tag }, plain),
  },
  { ...plain, requiredKeys: [] },
);

test('any input is read as it was written, in whatever order its parts come', () => {
  fc.assert(
    fc.property(input, fc.nat(), (value, seed) => {
      const pairs = writeForm(INPUT, value, '').sort((a, b) => ((a[0].length * seed) % 7) - ((b[0].length * seed) % 7));
      const form = new URLSearchParams(new URLSearchParams(pairs).toString());
      const read = readForm(INPUT, form) as typeof value;
      const { Attributes, ...rest } = value;
      const { Attributes: readAttributes, ...readRest } = read;
      assert.deepEqual(readRest, rest);
      // Assigned one by one, as the form's keys are: a key may be `__proto__`.
      assert.deepEqual(Object.entries(readAttributes ?? {}), Object.entries(Attributes ?? {}));
    }),
    { numRuns: 500 },
  );
});

test('any form is read or refused as SerializationException, and leaves every object as it was', () => {
  const name = fc
    .array(
      fc.constantFrom(
        'Tags',
        'member',
        '1',
        '2',
        'Key',
        'Names',
        'Count',
        '__proto__',
        'constructor',
        'entry',
        'x',
        '',
      ),
      {
        maxLength: 40,
      },
    )
    .map((parts) => parts.join('.'));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.oneof(text, fc.constantFrom('1', 'true', 'x')))), (pairs) => {
      try {
        readForm(INPUT, new URLSearchParams(pairs));
      } catch (error) {
        assert.ok(error instanceof ApiError && error.code === 'SerializationException', String(error));
      }
      assert.equal(({} as Record<string, unknown>)['Key'], undefined);
    }),
    { numRuns: 2000 },
  );
});

/** What an XML parser makes of the text between two tags. */
function unescape(xml: string): string {
  const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return xml.replaceAll(/&(?:#x([0-9A-F]+)|(\w+));/g, (_, hex: string | undefined, name: string) =>
    hex === undefined ? names[name]! : String.fromCharCode(parseInt(hex, 16)),
  );
}

test('any text is safe between two tags, and what XML can hold comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const xml = escapeXml(value);
      assert.doesNotMatch(xml, /[<>"]|&(?!(?:amp|lt|gt|quot|#x[0-9A-F]+);)/);
      const back = unescape(xml);
      assert.equal(back.length, value.length);
      // Whatever is replaced is replaced by one unit for one.
      for (let index = 0; index < back.length; index++) {
        if (back[index] !== '\uFFFD') assert.equal(back[index], value[index]);
      }
    }),
  );
});

test('values have the elements of the specification', () => {
  const value = {
    Text: 'a<b',
    Count: 1.5,
    Flag: false,
    When: new Date('2026-11-21T15:16:42.000Z'),
    Data: Buffer.from('hi'),
    Names: ['x', 'y'],
    Tags: [{ Key: 'k', Value: '' }],
    Attributes: { a: '1' },
  };
  assert.equal(
    writeXml(INPUT, value),
    '<Text>a&lt;b</Text><Count>1.5</Count><Flag>false</Flag><When>2026-11-21T15:16:42Z</When><Data>aGk=</Data>' +
      '<Names><member>x</member><member>y</member></Names><Tags><member><Key>k</Key><Value></Value></member></Tags>' +
      '<Attributes><entry><key>a</key><value>1</value></entry></Attributes>',
  );
  assert.equal(element('A', ''), '<A></A>');
});

test('an error has type, code, message and request id, and the names that the protocol has for it', () => {
  const error = (code: ErrorCode, message = 'm') =>
    STS.protocol.error(new ApiError(code, message), errorEntry(code, 'sts'), 'id');
  assert.deepEqual(error('ValidationException', '<&>'), {
    status: 400,
    headers: [],
    contentType: 'text/xml',
    body:
      '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>' +
      '<Code>ValidationError</Code><Message>&lt;&amp;&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>',
  });
  assert.match(error('ServiceException').body!, /<Type>Receiver<\/Type><Code>InternalFailure<\/Code>/);
  assert.match(error('AccessDeniedException').body!, /<Code>AccessDenied<\/Code>/);
  assert.equal(error('UnknownOperationException').status, 400);
});
