import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import fc from 'fast-check';
import { parseFilterPattern } from './filter-pattern.ts';

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html describes each
// form; the messages below are of the kinds that it shows.

/** Which of the messages a pattern matches, by their first characters. */
function matched(pattern: string, messages: readonly string[]): string[] {
  const matches = parseFilterPattern(pattern);
  return messages.filter((message) => matches(message));
}

/** What this process has used so far: other than the time it is not longer where the machine is busy. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const refused = (error: unknown) => error instanceof ApiError && error.code === 'InvalidParameterException';

describe('T20: terms', () => {
  const lines = ['[ERROR 400] BAD REQUEST', '[ERROR 401] UNAUTHORIZED REQUEST', '[SUCCESS 200] OK REQUEST', 'error'];
  const numbers = (pattern: string) => matched(pattern, lines).map((line) => /\d+/.exec(line)?.[0] ?? line);

  test('all of them must be in a message, in the same case', () => {
    assert.deepEqual(numbers('ERROR'), ['400', '401']);
    assert.deepEqual(numbers('REQUEST ERROR 401'), ['401']);
    assert.deepEqual(numbers('error'), ['error']);
    assert.deepEqual(numbers(''), ['400', '401', '200', 'error']);
    assert.deepEqual(numbers('   '), ['400', '401', '200', 'error']);
  });

  test('a phrase in quotation marks is one term', () => {
    assert.deepEqual(numbers('"BAD REQUEST"'), ['400']);
    assert.deepEqual(numbers('"REQUEST BAD"'), []);
    assert.deepEqual(matched(String.raw`"say \"hi\" \\"`, [String.raw`they say "hi" \ `]).length, 1);
    assert.deepEqual(matched('"[ERROR"', lines).length, 2);
    assert.deepEqual(matched('""', lines).length, 4);
  });

  test('a minus sign leaves out, a question mark asks for one of several', () => {
    assert.deepEqual(numbers('ERROR -400'), ['401']);
    assert.deepEqual(numbers('-ERROR'), ['200', 'error']);
    assert.deepEqual(numbers('?SUCCESS ?error'), ['200', 'error']);
    assert.deepEqual(numbers('ERROR ?SUCCESS'), ['400', '401'], 'it has no meaning beside other terms');
    assert.deepEqual(numbers('-"BAD REQUEST" ERROR'), ['401']);
  });

  test('other characters want quotation marks, and a mark wants its partner', () => {
    for (const pattern of ['foo-bar', 'a:b', '"open', 'a"b"', '-', '? a', '%open', 'a}']) {
      assert.throws(() => parseFilterPattern(pattern), refused, pattern);
    }
    assert.throws(() => parseFilterPattern('a:b'), /Invalid filter pattern: .* at character 2\.$/);
  });
});

describe('T20: JSON', () => {
  const event = {
    eventType: 'UpdateTrail',
    sourceIPAddress: '123.123.111.111',
    'with.dot': 1,
    arrayKey: ['value', 'another value'],
    objectList: [
      { name: 'a', id: 1 },
      { name: 'b', id: 2 },
    ],
    SomeObject: null,
    cluster: { name: 'c-1' },
    bandwidth: 75.5,
    big: 1e6,
    ok: true,
    coordinates: [
      [0, 1, 2],
      [4, 5, 6],
    ],
    user: { id: 1, email: 'John.Doe@example.com' },
  };
  const holds = (pattern: string, of: unknown = event) => parseFilterPattern(pattern)(JSON.stringify(of));

  test('text is compared as a whole, with * for anything, numbers as numbers', () => {
    assert.ok(holds('{ $.eventType = "UpdateTrail" }'));
    assert.ok(holds('{$.eventType=UpdateTrail}'));
    assert.ok(!holds('{ $.eventType = "Update" }'));
    assert.ok(holds('{ $.eventType = Up*l }'));
    assert.ok(holds('{ $.eventType = "*Trail" }'));
    assert.ok(!holds('{ $.sourceIPAddress != 123.123.* }'));
    assert.ok(holds('{ $.sourceIPAddress = %123\\.123\\.[0-9]+% }'));
    assert.ok(holds('{ $.bandwidth > 75 && $.bandwidth < 75.6 }'));
    assert.ok(holds('{ $.bandwidth >= 75.5 && $.bandwidth <= 7.55e1 }'));
    assert.ok(!holds('{ $.bandwidth > 75.5 }'));
    assert.ok(holds('{ $.big = 1000000 }'));
    assert.ok(!holds('{ $.eventType > 1 }'));
    assert.ok(holds('{ $.user.id != 2 }'));
    assert.ok(!holds('{ $.nothing != 2 }'), 'what is not there is not different');
  });

  test('selectors reach into objects and arrays', () => {
    assert.ok(holds('{ $.arrayKey[0] = "value" }'));
    assert.ok(!holds('{ $.arrayKey[2] = "value" }'));
    assert.ok(holds('{ $.objectList[1].id = 2 }'));
    assert.ok(holds('{ $.objectList[*].name = b }'));
    assert.ok(holds('{ $.coordinates[1][0] = 4 }'));
    assert.ok(holds("{ $.['with.dot'] = 1 && $.cluster.name = c-1 }"));
    assert.ok(holds('{ $[0].a = 1 }', [{ a: 1 }]));
    assert.ok(!holds('{ $.constructor.name = "Object" }'));
    assert.ok(holds('{ $.toString NOT EXISTS }'));
  });

  test('IS NULL, IS TRUE, IS FALSE and NOT EXISTS', () => {
    assert.ok(holds('{ $.SomeObject IS NULL }'));
    assert.ok(!holds('{ $.SomeOtherObject IS NULL }'));
    assert.ok(holds('{ $.SomeOtherObject NOT EXISTS }'));
    assert.ok(!holds('{ $.SomeObject NOT EXISTS }'));
    assert.ok(holds('{ $.ok IS TRUE }'));
    assert.ok(!holds('{ $.ok IS FALSE }'));
  });

  test('&& binds closer than ||, and parentheses closer than both', () => {
    assert.ok(holds('{ $.user.id = 1 || $.user.id = 2 && $.ok IS FALSE }'));
    assert.ok(!holds('{ ($.user.id = 1 || $.user.id = 2) && $.ok IS FALSE }'));
    assert.ok(holds('{ ($.user.email = "John.*" || $.coordinates[0][1] = "x") && $.arrayKey[1] = "another value" }'));
  });

  test('what is no JSON never matches', () => {
    const matches = parseFilterPattern('{ $.a NOT EXISTS }');
    for (const message of ['', 'a', '{', '"text"', '12', 'START {"a":1}']) assert.ok(!matches(message), message);
    assert.ok(matches('  {"b":1}'));
  });

  test('what is no pattern is told where', () => {
    for (const pattern of [
      '{ }',
      '{ $.a }',
      '{ $.a = }',
      '{ $ = 1 }',
      '{ $.a > "x" }',
      '{ $.a = 1',
      '{ $.a = 1 } x',
      '{ ($.a = 1 }',
      '{ $.a = 1 && }',
      '{ $.a IS }',
      '{ $.a ~ 1 }',
    ]) {
      assert.throws(() => parseFilterPattern(pattern), refused, pattern);
    }
  });
});

describe('T20: space-delimited fields', () => {
  const lines = [
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 Prod john [10/Oct/2000:13:26:15 -0700] "GET /index.html HTTP/1.0" 500 5324',
    '127.0.0.1 Dev john [10/Oct/2000:13:27:15 -0700] "GET /other.html HTTP/1.0" 200 12',
    'ERROR something',
  ];
  const which = (pattern: string) => matched(pattern, lines).map((line) => lines.indexOf(line));

  test('brackets and quotation marks make one field, and the number of fields counts', () => {
    assert.deepEqual(which('[ip, env, user, time, request, status, bytes]'), [0, 1, 2]);
    assert.deepEqual(which('[word, rest]'), [3]);
    assert.deepEqual(which('[ip, env, user, time = "10/Oct/2000:13:2*", request =*index*, status, bytes]'), [0, 1]);
  });

  test('conditions on fields, also several of one', () => {
    assert.deepEqual(which('[ip, env, user, time, request, status = 4*, bytes]'), [0]);
    assert.deepEqual(which('[ip, env, user, time, request, status = 4* || status = 5*, bytes > 2000]'), [1]);
    assert.deepEqual(which('[ip, env != Dev && env != Test, user=john, time, request, status, bytes]'), [1]);
    assert.deepEqual(which('[w1=ERROR, w2=%some.*%]'), [3]);
  });

  test('an ellipsis stands for any number of fields', () => {
    assert.deepEqual(which('[..., bytes > 1000]'), [0, 1]);
    assert.deepEqual(which('[w1 = ERROR, ...]'), [3]);
    assert.deepEqual(which('[ip, ..., status = 200, bytes]'), [2]);
    assert.deepEqual(which('[...]'), [0, 1, 2, 3]);
    assert.throws(() => parseFilterPattern('[..., a, ...]'), refused);
    for (const pattern of ['[', '[]', '[a', '[a b]', '[a,]', '[a=]', '[a] b']) {
      assert.throws(() => parseFilterPattern(pattern), refused, pattern);
    }
  });

  test('a long message of marks without partners takes no longer than it is long', () => {
    const matches = parseFilterPattern('[a, b]');
    for (const part of ['[ ', '" ', '[ ]x ', '"x"y ']) {
      const start = processorMs();
      matches(part.repeat(250_000 / part.length));
      assert.ok(processorMs() - start < 2000, part);
    }
  });
});

describe('T20: regular expressions', () => {
  const found = (expression: string, text: string) => parseFilterPattern(`%${expression}%`)(text);

  test('what they may have means what it means elsewhere', () => {
    for (const [expression, yes, no] of [
      ['AUTHORIZED', ['UNAUTHORIZED REQUEST'], ['AUTH']],
      ['^start', ['start here'], ['a start']],
      ['end$', ['the end'], ['end of it']],
      ['^all$', ['all'], ['all ', 'call']],
      ['gray|grey', ['grey', 'gray'], ['gry']],
      ['colou?r', ['color', 'colour'], ['colouur']],
      ['10\\.10\\.0\\.1', ['at 10.10.0.1'], ['10x10x0x1']],
      ['[a-c]+1', ['xab1'], ['d1']],
      ['[^a-c]1', ['d1', 'é1'], ['a1', '1']],
      ['x{2}y', ['xxy', 'xxxy'], ['xy']],
      ['^x{2,3}$', ['xx', 'xxx'], ['x', 'xxxx']],
      ['^x{2,}$', ['xx', 'xxxxx'], ['x']],
      ['a.c', ['abc', 'aéc'], ['ac']],
      ['\\d\\s\\w', ['1 a'], ['a a', '1  ']],
      ['^\\D\\S\\W$', ['ab-', 'éé '], ['1b-']],
      ['a*b', ['b', 'aab'], ['a']],
      ['\\x41', ['A'], ['x41']],
    ] as const) {
      for (const text of yes) assert.ok(found(expression, text), `${expression} in ${text}`);
      for (const text of no) assert.ok(!found(expression, text), `${expression} not in ${text}`);
    }
  });

  test('what AWS does not support is refused', () => {
    for (const expression of [
      'something!',
      '(a)',
      'é',
      '[a',
      'a{',
      'a{1000}',
      '\\',
      '[c-a]',
      '',
      '\\b',
      'a{300}b{300}',
    ]) {
      assert.throws(() => parseFilterPattern(`%${expression}%`), refused, expression);
    }
  });

  test('they take time linear in the text, or are refused', () => {
    const text = `${'a'.repeat(200_000)}!`;
    for (const expression of ['a*a*a*a*a*b', 'a+$', '[ab]*a[ab]{90}c', '.*.*.*x']) {
      const start = processorMs();
      try {
        found(expression, text);
      } catch (error) {
        if (!refused(error)) throw error;
      }
      assert.ok(processorMs() - start < 4000, expression);
    }
    // Digits of sha-256: no two places in it are followed by the same.
    const digits = Array.from({ length: 400 }, (_, i) => createHash('sha256').update(String(i)).digest('hex')).join('');
    const random = digits.replaceAll(/[89a-f]/g, 'b').replaceAll(/[0-7]/g, 'a');
    assert.throws(() => found('[ab]*a[ab]{250}c', random), /too complex/);
  });

  test('they agree with JavaScript’s on what both know', () => {
    const expression = fc
      .array(
        fc.tuple(
          fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '1'),
          fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}'),
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map((parts) => parts.map((part) => part.join('')).join(''));
    const anchored = fc
      .tuple(fc.constantFrom('', '^'), expression, fc.constantFrom('', '$'))
      .map((parts) => parts.join(''));
    const all = fc.array(anchored, { minLength: 1, maxLength: 2 }).map((branches) => branches.join('|'));
    fc.assert(
      fc.property(all, fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' '), maxLength: 8 }), (text, input) => {
        assert.equal(found(text, input), new RegExp(text, 's').test(input));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('any pattern', () => {
  const marks = '{ } [ ] ( ) $ . * ... && || = != < >= " % , - ? $.a w1 1 1e5 \\ ^ {2,3} é \u0000 😀'.split(' ');
  const piece = fc.constantFrom(...marks, ' ', 'IS NULL', 'NOT EXISTS');
  const pattern = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 40 }).map((pieces) => `{ $.a = 1 && ${pieces.join('')}`),
    fc.nat(400).map((depth) => `{ ${'('.repeat(depth)}$.a = 1${')'.repeat(depth)} }`),
  );

  test('is understood or refused as InvalidParameterException, and then matches any message or not', () => {
    fc.assert(
      fc.property(pattern, fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text, message) => {
        let matches;
        try {
          matches = parseFilterPattern(text);
        } catch (error) {
          assert.ok(refused(error), String(error));
          return;
        }
        assert.equal(typeof matches(message), 'boolean');
      }),
      { numRuns: 5000 },
    );
  });
});
