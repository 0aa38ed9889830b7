import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROMISES } from './promises.ts';
import { readResults, type Result, withNumbers } from './specification.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'SPECIFICATION.md'), 'utf8');

test('SPECIFICATION.md says what the last benchmarks measured', () => {
  const expected = withNumbers(page, readResults());
  assert.equal(plain(page), plain(expected), 'make it again: node_modules/.bin/node scripts/specification.ts');
});

test('each goal that the last benchmarks set stands on the page', () => {
  for (const { benchmark, goals } of readResults().values()) {
    for (const { number } of goals) {
      const promised = PROMISES.filter((each) => each.benchmark === benchmark && each.goals?.test(number));
      assert.equal(promised.length, 1, `${benchmark}: ${number}`);
    }
  }
});

test('what was not measured, was missed, or was measured on a busy machine is called that', () => {
  const result: Result = {
    benchmark: 'burst',
    date: '2026-01-02T03:04:05.678Z',
    machine: { cpu: 'some', cores: 2, memoryMb: 1000, kernel: '6.1', node: 'v26' },
    busyBefore: 0.5,
    tables: [
      {
        title: 'A table',
        columns: ['', 'a|b'],
        rows: [
          ['x', 1234.5],
          [null, 0.01234],
        ],
      },
    ],
    goals: [
      { number: 'burst: answered', measured: 500, met: true },
      { number: 'burst: sandboxes a second', measured: 123.456, met: false },
    ],
    notes: ['a note'],
  };
  const text = plain(withNumbers(page, new Map([['burst', result]])));
  assert.match(text, /^\| sandboxes a second .* \| 2026-01-02, on a busy machine: 123 \*\*missed\*\* \|$/m);
  assert.match(text, /^\| bursts of 100 .* busy machine: 500 \|$/m);
  assert.match(text, /^\| warm throughput.* \| not measured yet \|$/m);
  assert.match(text, /^\| asynchronous events accepted.* \| no benchmark yet \| not measured yet \|$/m);
  assert.match(text, /50 % of it was busy/);
  assert.match(text, /^\| x \| 1,230 \|\n\| - \| 0\.0123 \|$/m);
});

test('a page without the place for the numbers is not written over', () => {
  assert.throws(() => withNumbers('# Specification', new Map()), /lacks/);
});

/** Without what the formatter adds. */
function plain(markdown: string): string {
  return markdown
    .replaceAll(/ +/g, ' ')
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/\n{2,}/g, '\n')
    .replaceAll(/^> /gm, '');
}
