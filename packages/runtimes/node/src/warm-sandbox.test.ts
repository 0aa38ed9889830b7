import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SandboxPeer } from './testing/sandbox-peer.ts';

const INDEX = new URL('./index.ts', import.meta.url).href;

test('a process that has warmed up becomes a sandbox like any other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-warm-'));
  const script = join(directory, 'zygote.mjs');
  writeFileSync(
    script,
    `const { runSandbox, warmUp } = await import(${JSON.stringify(INDEX)});
     await warmUp();
     runSandbox({ fd: 3, pid: 77, seed: Buffer.alloc(12), exit: process.reallyExit.bind(process) });`,
  );
  try {
    await using peer = await SandboxPeer.ready({
      script,
      files: {
        'index.mjs': `console.log('loading');
          export const handler = async (e) => ({ e, pid: process.pid, env: Object.keys(process.env).sort(), console: globalThis[Symbol.for('hearth.rehearsal')] });`,
      },
      environment: { HOME: '/tmp' },
    });
    assert.deepEqual(await peer.json({ a: 1 }), {
      e: { a: 1 },
      pid: 77,
      env: ['HOME', 'LAMBDA_TASK_ROOT', 'PATH'],
    });
    assert.equal(peer.stdio, '');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
