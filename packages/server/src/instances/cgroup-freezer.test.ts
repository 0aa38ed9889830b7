import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CgroupFreezer } from './cgroup-freezer.ts';

const LAYOUTS = [
  {
    version: 1,
    files: ['freezer.state', 'memory.usage_in_bytes', 'memory.max_usage_in_bytes'],
    words: ['FROZEN', 'THAWED'],
  },
  { version: 2, files: ['cgroup.freeze', 'memory.current', 'memory.peak'], words: ['1', '0'] },
] as const;

for (const { version, files, words } of LAYOUTS) {
  test(`freezes and measures a slot through the files of cgroup version ${version}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'hearth-freezer-'));
    try {
      const slot = join(directory, 's7');
      mkdirSync(slot);
      writeFileSync(join(slot, files[0]), '');
      writeFileSync(join(slot, files[1]), '12345678\n');
      writeFileSync(join(slot, files[2]), '99999999\n');
      using freezer = new CgroupFreezer({ version, memory: directory, freezer: directory });
      freezer.freeze(7);
      assert.equal(readFileSync(join(slot, files[0]), 'utf8'), words[0]);
      freezer.thaw(7);
      assert.equal(readFileSync(join(slot, files[0]), 'utf8'), words[1]);
      assert.deepEqual({ ...freezer.memory(7) }, { used: 12_345_678, max: 99_999_999 });
      writeFileSync(join(slot, files[1]), '5\n');
      assert.equal(freezer.memory(7).used, 5);
      assert.throws(() => freezer.freeze(8), { code: 'ENOENT' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
