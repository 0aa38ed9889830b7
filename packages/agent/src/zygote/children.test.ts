import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { pollReadable } from '@hearth/linux';
import { Children } from './children.ts';

/** Always readable: whoever polls it besides doesn't wait. */
let ready: number;

beforeEach(() => (ready = openSync('/dev/null', 'r')));
afterEach(() => closeSync(ready));

function start(script: string): number {
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore' });
  child.unref();
  return child.pid!;
}

/** Descriptors of processes that this process has open. */
function pidfds(): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /pidfd/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // that of the listing itself
    }
  });
}

test('an end wakes whoever polls, and is told once, with its code or signal', () => {
  const children = new Children();
  const [exits, killed, lives] = [start('exit 3'), start('kill -9 $$'), start('exec sleep 100')];
  for (const pid of [exits, killed, lives]) children.watch(pid);
  const ends = new Map<number, unknown>();
  while (ends.size < 2) {
    pollReadable([children.fd]);
    for (const { pid, ...end } of children.reap()) ends.set(pid, end);
  }
  assert.deepEqual(Object.fromEntries(ends), {
    [exits]: { code: 3, signal: null },
    [killed]: { code: null, signal: 9 },
  });
  assert.deepEqual(pollReadable([children.fd, ready]), [false, true]);
  assert.deepEqual(children.reap(), []);
  process.kill(lives, 'SIGKILL');
  assert.deepEqual(pollReadable([children.fd]), [true]);
  assert.equal(children.reap()[0]?.pid, lives);
  assert.deepEqual(pidfds(), []);
  children.leave();
});

test('a child that has ended before it is watched is noticed', () => {
  const children = new Children();
  const first = start('exit 1');
  const watcher = new Children();
  watcher.watch(first);
  pollReadable([watcher.fd]);
  children.watch(first);
  assert.deepEqual(pollReadable([children.fd]), [true]);
  assert.deepEqual(children.reap(), [{ pid: first, code: 1, signal: null }]);
  watcher.leave();
  children.leave();
});

test('who leaves keeps no descriptor of any of them', () => {
  const open = readdirSync('/proc/self/fd').length;
  const children = new Children();
  const pids = [start('exec sleep 100'), start('exec sleep 100')];
  for (const pid of pids) children.watch(pid);
  assert.equal(pidfds().length, 2);
  children.leave();
  assert.equal(readdirSync('/proc/self/fd').length, open);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
});
