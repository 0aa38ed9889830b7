import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorReference } from './error-reference.ts';

test('docs/reference/errors.md says what the table of errors says', () => {
  const page = readFileSync(new URL('../../../../docs/reference/errors.md', import.meta.url), 'utf8');
  assert.equal(
    plain(page),
    plain(errorReference()),
    'make it again: node packages/server/src/api/error-reference.ts > docs/reference/errors.md, then format it',
  );
});

/** Without what the formatter adds to the table. */
function plain(markdown: string): string {
  return markdown.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
}
