import { Cursor } from './cursor.ts';
import { parseFieldsPattern } from './fields-pattern.ts';
import { parseJsonPattern } from './json-pattern.ts';
import { parseTerms } from './terms.ts';
import type { Matcher } from './terms.ts';

/**
 * A filter pattern of CloudWatch Logs. An empty one matches everything.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 *
 * @throws ApiError InvalidParameterException for what is no pattern.
 */
export function parseFilterPattern(pattern: string): Matcher {
  const cursor = new Cursor(pattern.trim());
  if (cursor.text.startsWith('{')) return parseJsonPattern(cursor);
  if (cursor.text.startsWith('[')) return parseFieldsPattern(cursor);
  return parseTerms(cursor);
}
