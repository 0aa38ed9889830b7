import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { HEARTH } from './testing/run-hearth.ts';

/** A Node that says which it is; `--version` answers as given. */
async function fakeNode(path: string, version: string, broken = ''): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fail = broken === '' ? '' : `echo "${broken}" >&2; exit 127\n`;
  await writeFile(path, `#!/bin/sh\n${fail}[ "$1" = --version ] && { echo v${version}; exit; }\necho "$0" "$@"\n`);
  await chmod(path, 0o755);
}

describe('the shim that finds Node', () => {
  let root = '';
  let bin = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hearth shim-'));
    bin = join(root, 'packages/cli/bin/hearth');
    await mkdir(dirname(bin), { recursive: true });
    await copyFile(HEARTH, bin);
    await mkdir(join(root, 'path'));
    for (const tool of ['sh', 'readlink', 'dirname', 'uname']) {
      const found = ['/usr/bin', '/bin'].map((folder) => join(folder, tool));
      await symlink(found[0] ?? '', join(root, 'path', tool));
    }
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  function run(command: string): Promise<{ stdout: string; stderr: string; code: number }> {
    return new Promise((resolve) => {
      execFile(command, ['a', 'b c'], { env: { PATH: join(root, 'path') } }, (error, stdout, stderr) => {
        resolve({ stdout, stderr, code: Number(error?.code ?? 0) });
      });
    });
  }

  const own = () => join(root, `node_modules/node-linux-${arch()}/bin/node`);

  test('the Node that npm installed comes first, also through a link', async () => {
    await fakeNode(own(), '26.10.0');
    await fakeNode(join(root, 'path/node'), '27.0.0');
    await mkdir(join(root, 'node_modules/.bin'));
    await symlink('../../packages/cli/bin/hearth', join(root, 'node_modules/.bin/hearth'));
    const main = join(root, 'packages/cli/src/main.js');
    for (const command of [bin, join(root, 'node_modules/.bin/hearth')]) {
      const { stdout, stderr } = await run(command);
      assert.equal(stdout, `${own()} ${main} a b c\n`, stderr);
    }
  });

  test('without it the Node on PATH serves from version 26 on', async () => {
    await fakeNode(join(root, 'path/node'), '26.0.0');
    assert.match((await run(bin)).stdout, /path\/node .*main\.js a b c\n$/);
    await fakeNode(join(root, 'path/node'), '20.19.0');
    const old = await run(bin);
    assert.equal(old.code, 1);
    assert.match(old.stderr, /no Node\.js 26 or later was found\.\nHint: run {2}npm install/);
  });

  test('a Node that lacks libatomic is named, with the command that cures it', async () => {
    await fakeNode(own(), '26.10.0', 'error while loading shared libraries: libatomic.so.1: cannot open');
    const { code, stderr } = await run(bin);
    assert.equal(code, 1);
    assert.match(stderr, /apt-get install -y libatomic1/);
  });
});
