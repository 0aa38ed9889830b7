import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { processMemory } from './instance-memory.ts';

test('private memory grows by what a process writes, not by the files it maps', { timeout: 20_000 }, async () => {
  const script = `
    const keep = [];
    process.stdin.on('data', () => { keep.push(Buffer.alloc(32 * 2 ** 20, 1)); console.log('filled'); });
    console.log('ready');`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const before = processMemory(child.pid!);
    assert.ok(before.private < 32 * 1024, `the program itself is shared with this process: ${before.private} kB`);
    child.stdin.write('fill\n');
    await once(child.stdout, 'data');
    const after = processMemory(child.pid!);
    for (const field of ['private', 'unique', 'proportional'] as const) {
      const grown = after[field] - before[field];
      assert.ok(grown > 30 * 1024 && grown < 40 * 1024, `${field} grew by ${grown} kB`);
    }
  } finally {
    child.kill('SIGKILL');
  }
});
