import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { examine } from './health.ts';

const fork = () => Promise.resolve();

test('an instance that can fork and write is well, and the probe leaves nothing (X22)', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'hearth-health-'));
  try {
    assert.deepEqual(await examine({ disk, fork }), []);
    assert.deepEqual(readdirSync(disk), []);
  } finally {
    rmSync(disk, { recursive: true });
  }
});

test('what is wrong is told, all of it (X22)', async () => {
  const noFork = () => Promise.reject(new Error('the zygote is not ready'));
  const problems = await examine({ disk: '/nowhere', fork: noFork });
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /^no sandbox can be forked: the zygote is not ready$/);
  assert.match(problems[1]!, /^the disk: ENOENT/);
});

test('on a disk that is full it is well: what it has loaded goes on, and no other instance would fare better (X22)', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'hearth-health-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'hearth-test', disk]);
  try {
    assert.throws(() => writeFileSync(join(disk, 'all'), Buffer.alloc(128 * 1024)), { code: 'ENOSPC' });
    assert.deepEqual(await examine({ disk, fork }), []);
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }
});
