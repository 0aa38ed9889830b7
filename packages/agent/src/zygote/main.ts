/**
 * The zygote: a Node process, booted and warmed, that waits in a blocking read for orders to fork. Started by the
 * agent with the flags of `client.ts` under the filter of linux/seccomp.ts that lets V8's heap survive a fork;
 * `start.ts` loads this.
 */
import { existsSync } from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import koffi from 'koffi';
import {
  architecture,
  cgroupAt,
  CLONE_NEWNS,
  CLONE_NEWPID,
  closeFd,
  connectUnix,
  dropCapabilityBounds,
  exitNow,
  exitOnSignal,
  fillHeapHoles,
  fork,
  O_RDONLY,
  openDirectory,
  openFd,
  pollReadable,
  readFd,
  sandboxFilter,
  setLimit,
  setns,
  trimHeap,
  unshare,
  writeFd,
} from '@hearth/linux';
import { CAUGHT_SIGNALS } from '@hearth/protocol';
import { prepareSandboxes, runSandbox, SEED_BYTES, warmUp } from '@hearth/runtime-node';
import { garbageCollector, giveBackMemory } from '../garbage.ts';
import { becomeSandbox, type Handles, MASKED } from './child.ts';
import { Children } from './children.ts';
import { limitHeap } from './heap.ts';
import { EVENTS_FD, type ForkOrder, ORDERS_FD, type ZygoteEvent, type ZygotePaths } from './orders.ts';
import { enterHostRoot } from './root.ts';
import { startAnew } from './start-anew.ts';
import { YoungGeneration } from './young-generation.ts';

const self = koffi.load(null);
const defaultLoop = self.func('void* uv_default_loop()');
const loopFork = self.func('int uv_loop_fork(void*)');

// All of this module is compiled by now.
setFlagsFromString('--lazy');

function say(event: ZygoteEvent): void {
  try {
    writeFd(EVENTS_FD, Buffer.from(`${JSON.stringify(event)}\n`));
  } catch (error) {
    // The agent has ended, and the instance with it: there is nobody left to tell or to fork for.
    if ((error as { code?: string }).code === 'EPIPE') exitNow(0);
    throw error;
  }
}

const paths = JSON.parse(process.env['HEARTH_ZYGOTE'] ?? '') as ZygotePaths;
const cgroup = cgroupAt(paths.cgroup.version, paths.cgroup.directory);
const handles: Handles = {
  cgroups: [...new Set(Object.values(cgroup.directories))].map((path) => openDirectory(path)),
  socketDirectory: openDirectory(paths.socketDirectory),
  socketName: paths.socketName,
  netns: openDirectory(paths.netns),
  filter: sandboxFilter(architecture),
  masked: MASKED.filter((name) => existsSync(`/proc/${name}`)),
};
const ownPidns = openFd('/proc/self/ns/pid', O_RDONLY);
const collectGarbage = garbageCollector();
const youngGeneration = new YoungGeneration();
await warmUp({ connect: connectUnix });
compact();
// Once more: what code has learned of its own use has moved or gone.
await warmUp({ connect: connectUnix, rounds: 2 });
prepareSandboxes(paths.runtime);
collectGarbage({ type: 'minor', execution: 'sync' });
// What was collected is finalised in the next turns of the event loop: here, once, and not in every fork.
for (let turn = 0; turn < 3; turn++) await nextTurn();
unshare(CLONE_NEWNS);
enterHostRoot('/run/hearth/root', paths.node);
// What forks inherit as it is: no capability that an exec could give, no core files.
dropCapabilityBounds();
setLimit('core', 0);
// Of a signal that a fork is sent from outside of its JavaScript, `signals.ts` of the protocol tells the status.
for (const status of CAUGHT_SIGNALS) exitOnSignal(status);
const children = new Children();
// What the last rehearsals allocated goes first: no fork needs it.
trimHeap();
fillHeapHoles();
say({ event: 'warm', suitsLarge: youngGeneration.adjustable });

/** Gives back what booting and warming up left lying about: a fork copies the page tables of all that is there. */
function compact(): void {
  // Moves about half of the heap each time, and what stays together.
  setFlagsFromString('--stress-compaction');
  for (let round = 0; round < 2; round++) giveBackMemory(collectGarbage);
  setFlagsFromString('--no-stress-compaction');
}

/** Runs in the forked child: becomes the sandbox that was ordered. */
function child(order: ForkOrder): void {
  let stream: number;
  try {
    loopFork(defaultLoop());
    for (const fd of [ORDERS_FD, ownPidns]) closeFd(fd);
    children.leave();
    stream = becomeSandbox(order, handles);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    try {
      say({ event: 'unprepared', sandbox: order.sandbox, message });
    } finally {
      exitNow(1);
    }
  }
  if (order.exec !== undefined) startAnew(order.exec, stream);
  // Always the first of its own pid namespace.
  runSandbox({ fd: stream, seed, exit: exitNow, limitMemory, pid: 1, spare: order.spare });
}

function limitMemory(memoryMb: number): void {
  limitHeap(memoryMb);
  youngGeneration.suit(memoryMb);
}

/** What the next child's `Math.random` starts from. */
const seed = Buffer.alloc(SEED_BYTES);

/** @returns whether this is the child. */
function obey(order: ForkOrder): boolean {
  unshare(CLONE_NEWPID);
  randomFillSync(seed);
  const pid = fork();
  if (pid === 0) return true;
  setns(ownPidns, CLONE_NEWPID);
  say({ event: 'forked', sandbox: order.sandbox, pid });
  children.watch(pid);
  return false;
}

/** Reads orders and reaps children until the agent hangs up. @returns the order to carry out, in a child only. */
function serve(): ForkOrder | undefined {
  let text = '';
  const piece = Buffer.alloc(64 * 1024);
  for (;;) {
    const [ordered] = pollReadable([ORDERS_FD, children.fd]);
    for (const end of children.reap()) say({ event: 'dead', ...end });
    if (!ordered) continue;
    const length = readFd(ORDERS_FD, piece);
    if (length === 0) return undefined;
    const lines = (text + piece.toString('utf8', 0, length)).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const order = JSON.parse(line) as ForkOrder;
      if (obey(order)) return order;
    }
  }
}

const order = serve();
if (order === undefined) process.exit(0);
child(order);
