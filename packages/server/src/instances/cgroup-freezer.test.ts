import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
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

const lacksRoot = process.getuid?.() !== 0 && 'only root may make control groups everywhere';

test("finds a slot's group again that was made anew", { skip: lacksRoot }, () => {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
  const name = `hearth-test-${process.pid}`;
  const [memory, freezer] =
    version === 2
      ? [`/sys/fs/cgroup/${name}`, `/sys/fs/cgroup/${name}`]
      : [`/sys/fs/cgroup/memory/${name}`, `/sys/fs/cgroup/freezer/${name}`];
  const tops = [...new Set([memory, freezer])];
  const make = (): void => tops.forEach((top) => mkdirSync(join(top, 's7')));
  const remove = (): void => tops.forEach((top) => rmdirSync(join(top, 's7')));
  tops.forEach((top) => mkdirSync(top));
  if (version === 2) writeFileSync(join(memory, 'cgroup.subtree_control'), '+memory');
  make();
  try {
    using slots = new CgroupFreezer({ version, memory, freezer });
    const state = (): string =>
      readFileSync(join(freezer, 's7', version === 2 ? 'cgroup.freeze' : 'freezer.state'), 'utf8');
    slots.freeze(7);
    remove();
    make();
    const thawed = state();
    slots.freeze(7);
    assert.notEqual(state(), thawed);
    remove();
    make();
    assert.equal(slots.memory(7).used, 0);
    remove();
    assert.throws(() => slots.thaw(7), { code: 'ENOENT' });
    make();
  } finally {
    remove();
    tops.forEach((top) => rmdirSync(top));
  }
});
