/** Holds what the documents refer to against what there is. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const pages = globSync(['*.md', '{docs,packages,e2e,benchmarks,scripts}/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules/**', '**/.peers/**'],
});
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('every link of a page leads to a file', () => {
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(root, dirname(page), target)), `${page} links to ${target}`);
    }
  }
});

test('every test that docs/guides/isolation.md names is there', () => {
  const rows = read('docs/guides/isolation.md')
    .split('\n')
    .filter((line) => line.startsWith('|') && line.includes('.test.ts`'));
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const cited = row.split('|').at(-2) ?? '';
    let directory = 'e2e';
    let text = '';
    for (const part of cited.split(';')) {
      for (const [, path = ''] of part.matchAll(/`([^`]+)`/g)) {
        if (path.includes('/')) directory = dirname(path);
        const file = path.includes('/') ? path : join(directory, path);
        // A folder stands for the suite in it.
        const files = path.endsWith('.ts') ? [file] : globSync(`${path}/*.ts`, { cwd: root });
        assert.ok(files.length > 0 && files.every((name) => existsSync(join(root, name))), `no ${file}: ${row}`);
        text = files.map(read).join('\n');
      }
      const title = part.replaceAll(/`[^`]+`(:| and )?/g, '').trim();
      assert.ok(text.includes(title), `no test of that file is called ${JSON.stringify(title)}: ${row}`);
    }
  }
});
