import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CliError } from '../cli-error.ts';
import { packCode } from './package.ts';

describe('packing code', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hearth pack-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  test('the same files make the same bytes, whenever they were written', async () => {
    await writeFile(join(root, 'index.js'), 'exports.handler = 1');
    await writeFile(join(root, 'tool'), '#!/bin/sh');
    const first = await packCode(root);
    await utimes(join(root, 'index.js'), 1, 1);
    assert.deepEqual((await packCode(root)).zip, first.zip);
    await chmod(join(root, 'tool'), 0o755);
    assert.notDeepEqual((await packCode(root)).zip, first.zip, 'a program stays a program');
  });

  test('links are followed, and a circle of them is refused', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'hearth-outside-'));
    await writeFile(join(outside, 'lib.js'), 'shared');
    await mkdir(join(root, 'node_modules'));
    await symlink(outside, join(root, 'node_modules/shared'));
    await writeFile(join(root, 'index.js'), '');
    const { files } = await packCode(root);
    assert.deepEqual(files.names, ['index.js', 'node_modules/shared/lib.js']);
    await symlink(root, join(root, 'circle'));
    await assert.rejects(packCode(root), (error: CliError) => /\.hearthignore/.test(error.hint ?? ''));
    await rm(join(root, 'circle'));
    await symlink('nowhere', join(root, 'dangling'));
    await assert.rejects(packCode(root), /dangling cannot be read: ENOENT/);
    await rm(outside, { recursive: true });
  });

  test('a zip goes as it is, and can be looked into', async () => {
    await writeFile(join(root, 'app.mjs'), 'export const handler = 1');
    const { zip } = await packCode(join(root, 'app.mjs'));
    await writeFile(join(root, 'my function!.zip'), zip);
    const packed = await packCode(join(root, 'my function!.zip'));
    assert.deepEqual(packed.zip, zip);
    assert.equal(packed.name, 'my-function');
    assert.equal(await packed.files.read('app.mjs'), 'export const handler = 1');
    await writeFile(join(root, 'bad.zip'), 'no zip');
    await assert.rejects(packCode(join(root, 'bad.zip')), /is not a zip file/);
  });

  test('an empty folder is nothing to deploy', async () => {
    await assert.rejects(packCode(root), CliError);
  });
});
