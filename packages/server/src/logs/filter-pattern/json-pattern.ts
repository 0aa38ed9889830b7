import type { Cursor } from './cursor.ts';
import { parseCondition } from './comparison.ts';
import type { Matcher } from './terms.ts';

/** A step into a JSON document: a member, an element, or any element. */
type Step = string | number | typeof ANY;
const ANY = Symbol('any');

type Test = (document: unknown) => boolean;

/**
 * `{ $.level = "ERROR" && $.duration > 100 }`: conditions on messages that are JSON.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
 * ("Using filter patterns to match terms in JSON log events").
 */
export function parseJsonPattern(cursor: Cursor): Matcher {
  cursor.expect('{');
  const test = parseOr(cursor);
  cursor.expect('}');
  if (!cursor.done) throw cursor.wrong('something follows the closing brace');
  return (message) => {
    const first = message.trimStart()[0];
    if (first !== '{' && first !== '[') return false;
    let document: unknown;
    try {
      document = JSON.parse(message);
    } catch {
      // Not JSON, which no JSON pattern matches.
      return false;
    }
    return test(document);
  };
}

function parseOr(cursor: Cursor): Test {
  const tests = [parseAnd(cursor)];
  while (cursor.accept('||')) tests.push(parseAnd(cursor));
  return tests.length === 1 ? tests[0]! : (document) => tests.some((test) => test(document));
}

function parseAnd(cursor: Cursor): Test {
  const tests = [parseOne(cursor)];
  while (cursor.accept('&&')) tests.push(parseOne(cursor));
  return tests.length === 1 ? tests[0]! : (document) => tests.every((test) => test(document));
}

function parseOne(cursor: Cursor): Test {
  if (cursor.accept('(')) {
    const test = parseOr(cursor);
    cursor.expect(')');
    return test;
  }
  const selector = parseSelector(cursor);
  cursor.skipSpace();
  const word = cursor
    .take(/(?:IS\s+(?:NULL|TRUE|FALSE)|NOT\s+EXISTS)\b/iy)
    ?.toUpperCase()
    .replaceAll(/\s+/g, ' ');
  switch (word) {
    case 'IS NULL':
      return (document) => select(document, selector).includes(null);
    case 'IS TRUE':
      return (document) => select(document, selector).includes(true);
    case 'IS FALSE':
      return (document) => select(document, selector).includes(false);
    case 'NOT EXISTS':
      return (document) => select(document, selector).length === 0;
    default: {
      const holds = parseCondition(cursor);
      return (document) => select(document, selector).some(holds);
    }
  }
}

/** `$.name`, `$.name[0].other`, `$.['any name']`, `$` itself for a document that is an array. */
function parseSelector(cursor: Cursor): Step[] {
  cursor.expect('$');
  const steps: Step[] = [];
  for (;;) {
    const member = cursor.take(/\.[\p{L}\p{N}_-]+/uy);
    if (member !== undefined) {
      steps.push(member.slice(1));
      continue;
    }
    const bracket = cursor.take(/\.?\[(?:\d{1,9}|\*|"[^"]*"|'[^']*')\]/y);
    if (bracket === undefined) break;
    steps.push(stepOf(bracket.slice(bracket.indexOf('[') + 1, -1)));
  }
  if (steps.length === 0) throw cursor.wrong('a selector such as $.name is missing');
  return steps;
}

function stepOf(content: string): Step {
  if (content === '*') return ANY;
  return /^\d/.test(content) ? Number(content) : content.slice(1, -1);
}

/** The values that a selector finds. */
function select(document: unknown, steps: readonly Step[]): unknown[] {
  let values = [document];
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of values) {
      if (typeof step === 'string') {
        // Own members only: a message must not reach what every object has.
        if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) {
          next.push((value as Record<string, unknown>)[step]);
        }
      } else if (Array.isArray(value)) {
        if (step === ANY) next.push(...(value as unknown[]));
        else if (step < value.length) next.push(value[step]);
      }
    }
    values = next;
  }
  return values;
}
