import type { Cursor } from './cursor.ts';
import { LinearRegex } from './regex.ts';
import { matchesWildcard } from './wildcard.ts';

/** Whether a value, of JSON or a field's text, is as wanted. */
export type Condition = (value: unknown) => boolean;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * An operator and what to compare with: a number, text with `*` for any characters, quoted or not, or `%expression%`.
 *
 * @throws ApiError InvalidParameterException
 */
export function parseCondition(cursor: Cursor): Condition {
  cursor.skipSpace();
  const operator = cursor.take(/!=|<=|>=|[=<>]/y);
  if (operator === undefined) throw cursor.wrong('an operator is missing: one of = != < <= > >=, IS, NOT EXISTS');
  cursor.skipSpace();
  if (operator === '=') return parseEqual(cursor);
  if (operator === '!=') {
    const equal = parseEqual(cursor);
    return (value) => isScalar(value) && !equal(value);
  }
  const text = cursor.take(/[^\s"&|(),\]}]+/y) ?? '';
  if (!NUMBER.test(text)) throw cursor.wrong(`${operator} compares with numbers only; one is missing`);
  const number = Number(text);
  return (value) => {
    const other = asNumber(value);
    if (other === undefined) return false;
    switch (operator) {
      case '<':
        return other < number;
      case '<=':
        return other <= number;
      case '>':
        return other > number;
      default:
        return other >= number;
    }
  };
}

function parseEqual(cursor: Cursor): Condition {
  const [next] = cursor.text.slice(cursor.at);
  if (next === '%') {
    const regex = new LinearRegex(cursor.betweenPercents());
    return (value) => isScalar(value) && regex.test(String(value));
  }
  if (next === '"') {
    const pattern = cursor.quoted();
    return (value) => typeof value === 'string' && matchesWildcard(pattern, value);
  }
  const text = cursor.take(/[^\s"&|(),\]}]+/y);
  if (text === undefined) throw cursor.wrong('a value to compare with is missing');
  const number = NUMBER.test(text) ? Number(text) : undefined;
  return (value) =>
    isScalar(value) && ((number !== undefined && asNumber(value) === number) || matchesWildcard(text, String(value)));
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** A field's text may be a number; a string of JSON is compared as one only where it looks like one. */
function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.length < 400 && NUMBER.test(value) ? Number(value) : undefined;
}
