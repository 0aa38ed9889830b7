import { Cursor } from './cursor.ts';
import { LinearRegex } from './regex.ts';

/** Whether a message matches. */
export type Matcher = (message: string) => boolean;

/**
 * Terms that must all be in a message, must not (`-term`), or of which one must be (`?term`). Where there are others too,
 * those with a question mark have no meaning.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
 * ("Using filter patterns to match terms in unstructured log events").
 */
export function parseTerms(cursor: Cursor): Matcher {
  const required: Matcher[] = [];
  const excluded: Matcher[] = [];
  const optional: Matcher[] = [];
  while (!cursor.done) {
    const sign = cursor.take(/[?-]/y);
    const term = parseTerm(cursor);
    (sign === '?' ? optional : sign === '-' ? excluded : required).push(term);
  }
  if (required.length === 0 && excluded.length === 0 && optional.length > 0) {
    return (message) => optional.some((matches) => matches(message));
  }
  return (message) => required.every((matches) => matches(message)) && !excluded.some((matches) => matches(message));
}

function parseTerm(cursor: Cursor): Matcher {
  const [next] = cursor.text.slice(cursor.at);
  if (next === '%') {
    const regex = new LinearRegex(cursor.betweenPercents());
    return (message) => regex.test(message);
  }
  const term = next === '"' ? cursor.quoted() : cursor.take(/[\p{L}\p{N}\p{M}_]+/uy);
  if (term === undefined || (next !== '"' && cursor.take(/(?=\s|$)/y) === undefined)) {
    throw cursor.wrong('a term has characters other than letters, digits and underscores; put it into quotation marks');
  }
  return (message) => message.includes(term);
}
