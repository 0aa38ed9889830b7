import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeTrees } from './merge-trees.ts';
import { treeOf, Yard } from './testing/yard.ts';
import { EXECUTABLE, LINK, type TestEntry } from './testing/zip.ts';

/** What archives of these entries give when they are unpacked and merged, beside files that nothing may touch. */
async function merged(...layers: TestEntry[][]): Promise<{ tree: Record<string, string>; touched: string[] }> {
  using last = new Yard();
  const target = fs.mkdtempSync(join(tmpdir(), 'hearth-merge-'));
  const sources: string[] = [];
  using stack = new DisposableStack();
  for (const entries of layers) {
    const yard = stack.use(new Yard());
    await yard.unpack(
      entries.map((entry) => ({ ...entry, data: String(entry.data).replace('OUTSIDE', last.outside) })),
    );
    sources.push(yard.target);
  }
  const before = sources.map((source) => treeOf(source));
  try {
    await mergeTrees(sources, target);
    assert.deepEqual(
      sources.map((source) => treeOf(source)),
      before,
      'no source has changed',
    );
    return { tree: treeOf(target), touched: last.touched() };
  } finally {
    fs.rmSync(target, { recursive: true });
  }
}

const CASES: Record<string, { layers: TestEntry[][]; tree: Record<string, string> }> = {
  'files of one path: the last stays': {
    layers: [
      [
        { name: 'a', data: '1' },
        { name: 'lib/b', data: '1' },
      ],
      [
        { name: 'a', data: '2', mode: EXECUTABLE },
        { name: 'lib/c', data: '2' },
      ],
      [{ name: 'lib/b', data: '3' }],
    ],
    tree: { a: '755 2', 'lib/': '755', 'lib/b': '644 3', 'lib/c': '644 2' },
  },
  'a file in the place of a directory': {
    layers: [[{ name: 'a/b/c', data: '1' }], [{ name: 'a', data: '2' }]],
    tree: { a: '644 2' },
  },
  'a directory in the place of a file': {
    layers: [[{ name: 'a', data: '1' }], [{ name: 'a/b', data: '2' }]],
    tree: { 'a/': '755', 'a/b': '644 2' },
  },
  'a directory in the place of a link: what the link leads to is left alone': {
    layers: [[{ name: 'a', data: 'OUTSIDE', mode: LINK }], [{ name: 'a/secret', data: '2' }]],
    tree: { 'a/': '755', 'a/secret': '644 2' },
  },
  'a file in the place of a link': {
    layers: [[{ name: 'a', data: 'OUTSIDE/secret', mode: LINK }], [{ name: 'a', data: '2' }]],
    tree: { a: '644 2' },
  },
  'a link in the place of a directory': {
    layers: [[{ name: 'a/b', data: '1' }], [{ name: 'a', data: 'b', mode: LINK }]],
    tree: { a: '-> b' },
  },
  'a link in the place of a link': {
    layers: [[{ name: 'a', data: 'b', mode: LINK }], [{ name: 'a', data: 'c', mode: LINK }]],
    tree: { a: '-> c' },
  },
};

for (const [what, { layers, tree }] of Object.entries(CASES)) {
  test(`merged: ${what}`, async () => {
    assert.deepEqual(await merged(...layers), { tree, touched: [] });
  });
}

test('data is on the disk once', async () => {
  using first = new Yard();
  using second = new Yard();
  await first.unpack([{ name: 'lib/a', data: 'x'.repeat(100_000) }]);
  await second.unpack([{ name: 'lib/b', data: 'y' }]);
  const target = join(first.directory, 'merged');
  fs.mkdirSync(target);
  const bytes = await mergeTrees([first.target, second.target], target);
  assert.equal(fs.statSync(join(target, 'lib/a')).ino, fs.statSync(join(first.target, 'lib/a')).ino);
  assert.equal(bytes, 2 * 4096, 'a block for each directory, of which both layers have the same');
});
