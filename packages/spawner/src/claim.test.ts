import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimDirectory } from './claim.ts';

const directory = fs.mkdtempSync(join(tmpdir(), 'hearth-claim-'));
after(() => fs.rmSync(directory, { recursive: true }));

/** A process that has claimed the directory, and does nothing else. */
async function claimant(): Promise<ChildProcess> {
  const claim = new URL('claim.ts', import.meta.url).href;
  const script = `const { claimDirectory } = await import(${JSON.stringify(claim)});
    await claimDirectory(${JSON.stringify(directory)}, 0);
    console.log('claimed');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a directory is claimed by one process at a time; the next has it as soon as that one has ended, however', async () => {
  const first = await claimant();
  await assert.rejects(claimDirectory(directory, 100), /another server is at work/);
  const waiting = claimDirectory(directory, 30_000);
  const ended = once(first, 'exit');
  first.kill('SIGKILL');
  await waiting;
  await ended;
});
