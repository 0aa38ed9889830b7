import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { descendants, survivors } from './processes.ts';

test('a grandchild that outlives its parent is found among the survivors', { timeout: 10_000 }, async () => {
  const script = 'sleep 60 >/dev/null & echo $!; read line';
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const grandchild = Number(output.toString());
  try {
    const family = descendants(child.pid ?? 0);
    assert.deepEqual(new Set(family.map((entry) => entry.pid)), new Set([child.pid, grandchild]));
    child.stdin.end();
    await once(child, 'exit');
    assert.deepEqual(
      survivors(family).map((entry) => entry.pid),
      [grandchild],
    );
  } finally {
    process.kill(grandchild, 'SIGKILL');
  }
});
