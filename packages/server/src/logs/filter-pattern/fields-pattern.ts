import { parseCondition } from './comparison.ts';
import type { Condition } from './comparison.ts';
import type { Cursor } from './cursor.ts';
import type { Matcher } from './terms.ts';

const ELLIPSIS = '...';

/**
 * `[ip, user, ..., status = 4*, bytes > 1000]`: conditions on the fields of a message, which stand between spaces. What
 * stands in brackets or quotation marks is one field. `...` stands for any number of fields.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
 * ("Using filter patterns to match terms in space-delimited log events").
 */
export function parseFieldsPattern(cursor: Cursor): Matcher {
  cursor.expect('[');
  const fields: (Condition | typeof ELLIPSIS)[] = [];
  do fields.push(cursor.accept(ELLIPSIS) ? ELLIPSIS : parseField(cursor));
  while (cursor.accept(','));
  cursor.expect(']');
  if (!cursor.done) throw cursor.wrong('something follows the closing bracket');
  const gap = fields.indexOf(ELLIPSIS);
  if (gap !== fields.lastIndexOf(ELLIPSIS)) throw cursor.wrong('there is more than one ...');
  const head = (gap < 0 ? fields : fields.slice(0, gap)) as Condition[];
  const tail = (gap < 0 ? [] : fields.slice(gap + 1)) as Condition[];
  return (message) => {
    const values = splitFields(message);
    const needed = head.length + tail.length;
    if (gap < 0 ? values.length !== needed : values.length < needed) return false;
    const offset = values.length - tail.length;
    return (
      head.every((holds, index) => holds(values[index])) && tail.every((holds, index) => holds(values[offset + index]))
    );
  };
}

/** A name, or conditions that each begin with it: `status = 4* || status = 5*`. */
function parseField(cursor: Cursor): Condition {
  const any = [parseAll(cursor)];
  while (cursor.accept('||')) any.push(parseAll(cursor));
  return (value) => any.some((holds) => holds(value));
}

function parseAll(cursor: Cursor): Condition {
  const all = [parseOne(cursor)];
  while (cursor.accept('&&')) all.push(parseOne(cursor));
  return (value) => all.every((holds) => holds(value));
}

function parseOne(cursor: Cursor): Condition {
  if (cursor.accept('(')) {
    const condition = parseField(cursor);
    cursor.expect(')');
    return condition;
  }
  cursor.skipSpace();
  if (cursor.take(/[\p{L}\p{N}_.$-]+/uy) === undefined) throw cursor.wrong("a field's name is missing");
  cursor.skipSpace();
  return cursor.take(/(?=[=!<>])/y) === undefined ? () => true : parseCondition(cursor);
}

/** Looks at each character once, whatever the message is. */
function splitFields(message: string): string[] {
  const fields: string[] = [];
  const partner: Record<string, { readonly close: string; at: number }> = {
    '[': { close: ']', at: -1 },
    '"': { close: '"', at: -1 },
  };
  let at = 0;
  while (at < message.length) {
    if (/\s/.test(message[at]!)) {
      at++;
      continue;
    }
    const open = partner[message[at]!];
    if (open !== undefined && open.at <= at) {
      const found = message.indexOf(open.close, at + 1);
      open.at = found < 0 ? message.length : found;
    }
    if (open !== undefined && open.at < message.length && /\s|^$/.test(message[open.at + 1] ?? '')) {
      fields.push(message.slice(at + 1, open.at));
      at = open.at + 1;
      continue;
    }
    let end = at + 1;
    while (end < message.length && !/\s/.test(message[end]!)) end++;
    fields.push(message.slice(at, end));
    at = end;
  }
  return fields;
}
