import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { layOutAwsSdk } from './aws-sdk.ts';

const ROOT = join(import.meta.dirname, '..');
const NAMES = Object.keys(
  (
    JSON.parse(fs.readFileSync(join(ROOT, 'packages/runtimes/aws-sdk/package.json'), 'utf8')) as {
      dependencies: object;
    }
  ).dependencies,
);

let directory: string;
let target: string;

before(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'hearth-sdk-'));
  target = join(directory, 'node_modules');
  layOutAwsSdk(ROOT, target);
});
after(() => fs.rmSync(directory, { recursive: true }));

test('every client loads from what was laid out and nothing else, by require and by import', async () => {
  const require = createRequire(join(directory, 'index.js'));
  for (const name of NAMES) {
    const path = require.resolve(name);
    assert.ok(path.startsWith(`${target}/`), path);
    const required = require(name) as object;
    const imported = (await import(path)) as object;
    for (const key of Object.keys(required)) assert.ok(key in imported, `${name}: ${key}`);
  }
});

test('it is done again only where something has changed, and then as a whole', () => {
  const { ino } = fs.statSync(target);
  layOutAwsSdk(ROOT, target);
  assert.equal(fs.statSync(target).ino, ino);
  fs.writeFileSync(join(target, '.packages'), 'others');
  fs.writeFileSync(join(target, 'stray.js'), '');
  layOutAwsSdk(ROOT, target);
  assert.notEqual(fs.statSync(target).ino, ino);
  assert.deepEqual(fs.readdirSync(directory), ['node_modules']);
  assert.equal(fs.existsSync(join(target, 'stray.js')), false);
});

test('everybody may read it', () => {
  for (const name of fs.readdirSync(target, { recursive: true, encoding: 'utf8' })) {
    const found = fs.statSync(join(target, name));
    const needed = found.isDirectory() ? 0o005 : 0o004;
    assert.equal(found.mode & needed, needed, name);
  }
});

test('docs/reference/differences.md says which clients there are', () => {
  const page = fs.readFileSync(join(ROOT, 'docs/reference/differences.md'), 'utf8');
  const row = page.split('\n').find((line) => line.startsWith('| AWS SDK for JavaScript')) ?? '';
  const listed = Array.from(row.matchAll(/`([\w-]+)`/g), ([, name]) => `@aws-sdk/${name}`);
  assert.deepEqual(listed.toSorted(), NAMES.toSorted());
});
