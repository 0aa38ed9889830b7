import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../testing/run-hearth.ts';

const CHILD = fileURLToPath(new URL('../testing/up-with-fake-server.ts', import.meta.url));

function start(...args: string[]): { child: ChildProcessWithoutNullStreams; line: () => Promise<string> } {
  const child = spawn(process.execPath, [CHILD, ...args], { env: cleanEnvironment({ HEARTH_PORT: '4999' }) });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => String((await lines.next()).value) };
}

test('it says in one line where the server is, and ends with its code', async () => {
  const { child, line } = start();
  assert.equal(await line(), 'Hearth is ready at http://127.0.0.1:4999');
  child.stdin.write('3');
  assert.deepEqual(await once(child, 'exit'), [3, null]);
});

test('for scripts the line is JSON', async () => {
  const { child, line } = start('--json');
  assert.deepEqual(JSON.parse(await line()), { url: 'http://127.0.0.1:4999' });
  child.stdin.write('0');
  await once(child, 'exit');
});

test('Ctrl-C lets it drain, a second one does not wait', async () => {
  const { child, line } = start();
  await line();
  child.kill('SIGINT');
  assert.equal(await line(), 'draining');
  assert.equal(child.exitCode, null);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [130, null]);
});

test('SIGTERM drains as well, and the end is a good one', async () => {
  const { child, line } = start();
  await line();
  child.kill('SIGTERM');
  assert.equal(await line(), 'draining');
  child.stdin.write('0');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
