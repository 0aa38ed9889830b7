import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

// An agent is never in a chroot: to enter a mount namespace leads out of it.
const skip =
  spawnSync('unshare', ['--mount', 'true']).status !== 0 && 'a mount namespace needs root, and the root of one';

/** Ends by itself only if the rehearsal leaves no handle behind. */
const PROGRAM = `
  import * as fs from 'node:fs';
  import { rehearse } from ${JSON.stringify(join(import.meta.dirname, 'rehearsal.ts'))};
  const directory = process.argv[1];
  const descriptors = () => fs.readdirSync('/proc/self/fd').length;
  for (let times = 0, first; times < 3; times++) {
    await rehearse(directory);
    await new Promise((resolve) => setImmediate(resolve));
    first ??= descriptors();
    if (descriptors() > first) throw new Error('descriptors stay open');
  }
  if (fs.existsSync(directory)) throw new Error('files are left');
  if (fs.readFileSync('/proc/self/mountinfo', 'utf8').includes(directory)) throw new Error('mounts are left');
`;

test('a rehearsal runs, and leaves no file, mount, descriptor or handle behind', { skip }, async () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'hearth-rehearsal-'));
  try {
    const node = [process.execPath, '--input-type=module', '--eval', PROGRAM, join(directory, 'rehearsal')];
    await promisify(execFile)('unshare', ['--mount', ...node], { timeout: 30_000 });
    assert.deepEqual(fs.readdirSync(directory), []);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
