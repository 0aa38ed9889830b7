/** Twenty thousand generated requests, the shorter run of `npm run bench -- fuzz`: it fails on any answer that no client could read. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

test('whatever is sent: no 5xx, no crash, memory flat, and a good client is served afterwards', async () => {
  const script = join(import.meta.dirname, '../scripts/bench.ts');
  const child = spawn(process.execPath, [script, 'fuzz', '--quick'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const limit = setTimeout(() => child.kill('SIGTERM'), 400_000);
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearTimeout(limit);
  assert.equal(code, 0, `${out}\n${errors}`);
  assert.match(errors, /seed \d+, 20000 requests/);
});
