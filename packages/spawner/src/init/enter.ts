/**
 * Second step of an instance, its first process in all its namespaces: waits until the spawner has mapped the user
 * namespace, becomes root in it, and turns into the agent.
 */
import * as fs from 'node:fs';
import {
  becomeUser,
  closeFd,
  dieWithParent,
  execve,
  mount,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  readFd,
  writeFd,
} from '@hearth/linux';
import { CONTROL_FD } from '../instance.ts';
import { AGENT, NODE } from './root.ts';

function readLine(): string {
  const parts: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(64 * 1024);
    const length = readFd(CONTROL_FD, piece);
    if (length === 0) throw new Error('the spawner has gone');
    parts.push(piece.subarray(0, length));
    if (piece[length - 1] === 10) return Buffer.concat(parts).toString().trimEnd();
  }
}

try {
  // /proc is still the machine's: the link names this process as the spawner sees it.
  writeFd(CONTROL_FD, Buffer.from(`${fs.readlinkSync('/proc/self')}\n`));
  const agent = readLine();
  becomeUser(0, 0);
  // Only now: a change of user makes the kernel forget it.
  dieWithParent();
  mount('proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC);
  writeFd(CONTROL_FD, Buffer.from('entered\n'));
  closeFd(CONTROL_FD);
  const environment = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HEARTH_AGENT: agent,
    // Its threads take turns rather than an arena each.
    MALLOC_ARENA_MAX: '1',
  };
  // No option of V8's: with one, V8 would not take the code of Node's own modules from Node's cache, but compile it.
  execve(NODE, ['node', '--no-warnings', AGENT], environment, [0, 1, 2]);
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  writeFd(CONTROL_FD, Buffer.from(`${text.replaceAll('\n', ' ')}\n`));
  process.exit(1);
}
