/**
 * Control groups of version 2 on a kernel that has nothing else, in a virtual machine (guest/): the port's own tests, then the
 * life of a whole server.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { lacksGuest, runInGuest } from './guest/guest.ts';

const ROOT = join(import.meta.dirname, '..');
const LIMIT_MS = 600_000;

test(
  'a server works on control groups of version 2, as root',
  { skip: lacksGuest(), timeout: LIMIT_MS + 200_000 },
  async () => {
    const tests = [
      'packages/linux/src/cgroup/cgroup.test.ts',
      'packages/linux/src/cgroup/drop-cache.test.ts',
      'e2e/guest/inside/life.ts',
    ];
    const code = await runInGuest({
      script: `cd ${ROOT} && exec node_modules/.bin/node --test --test-concurrency=1 ${tests.join(' ')}`,
      onOutput: (text) => process.stdout.write(text),
      limitMs: LIMIT_MS,
    });
    assert.equal(code, 0);
  },
);
