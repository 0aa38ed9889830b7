import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineCgroup } from './index.ts';

const MB = 1024 * 1024;
const skip = process.getuid?.() === 0 ? false : 'only root makes control groups on every machine';

test('the cache that ended processes left is given back as far as asked, a dirty page or not', { skip }, async () => {
  const group = machineCgroup().child(`hearth-test-${process.pid}`);
  const directory = fs.mkdtempSync('/var/tmp/hearth-cache-');
  const leaveCache = (): number => {
    const enter = group.entrances().map((path) => `echo $$ > ${path}`);
    const write = [
      `dd if=/dev/zero of=${join(directory, 'clean')} bs=1M count=16 conv=fsync status=none`,
      `echo dirty > ${join(directory, 'dirty')}`,
    ];
    execFileSync('/bin/sh', ['-ec', [...enter, ...write].join('\n')]);
    return group.memory().used;
  };
  group.make();
  try {
    assert.ok(leaveCache() > 16 * MB);
    await group.dropCache(64 * MB);
    assert.ok(group.memory().used > 16 * MB, 'more was given back than asked');
    await group.dropCache(2 * MB);
    assert.ok(group.memory().used < 4 * MB, `${group.memory().used} bytes are left`);
    // Whoever comes next has as much room as before.
    assert.ok(leaveCache() > 16 * MB);
  } finally {
    fs.rmSync(directory, { recursive: true });
    group.remove();
  }
});
