import { randomInt, randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { installClock, type RestartableClock } from './clock.ts';
import { SeededRandom } from './random.ts';

/** UUIDs that Node draws from one cache of random bytes. */
const UUIDS_CACHED = 128;

/** Random integers that Node draws from one cache. */
const INTEGERS_CACHED = 1024;

/** As on AWS, where function code may look at them. */
const EXEC_PATH = '/var/lang/bin/node';
const MAIN_MODULE = '/var/runtime/index.mjs';

let clock: RestartableClock | undefined;
let random: SeededRandom | undefined;
let ownPid: number | undefined;

/**
 * Puts what a fork has to make anew behind functions that look it up, once and in the zygote: then a fork changes a
 * few numbers instead of the objects that all its code depends on.
 */
export function prepareIdentity(): void {
  if (clock !== undefined) return;
  clock = installClock(performance, process);
  const { pid } = process;
  Object.defineProperty(process, 'pid', { configurable: true, enumerable: true, get: () => ownPid ?? pid });
  random = new SeededRandom();
  Math.random = random.next;
  Object.defineProperty(Math.random, 'name', { configurable: true, value: 'random' });
}

/**
 * Makes a forked process a process of its own, as far as JavaScript can: whatever would be equal in every fork of
 * one zygote, or tell of the zygote, is made anew.
 *
 * @param pid of this process inside its own pid namespace; by default what `/proc` says.
 */
export function renewIdentity(pid: number = Number(readlinkSync('/proc/self'))): void {
  prepareIdentity();
  ownPid = pid;
  random!.reseed();
  discardRandomCaches();
  clock!.restart();
  presentAsLambda();
}

/** Shows function code the command line that it would see on AWS. */
export function presentAsLambda(): void {
  process.argv.splice(0, process.argv.length, EXEC_PATH, MAIN_MODULE);
  process.execPath = EXEC_PATH;
  // Otherwise child processes and workers would inherit the zygote's flags.
  process.execArgv.splice(0, process.execArgv.length);
  process.title = EXEC_PATH;
}

/**
 * Node serves `crypto.randomUUID()` and `crypto.randomInt()` from caches that a fork shares if the zygote, or a
 * module that it loaded, ever called them. Nothing empties a cache but using it up.
 */
export function discardRandomCaches(): void {
  for (let count = 0; count < UUIDS_CACHED; count++) randomUUID();
  for (let count = 0; count < INTEGERS_CACHED; count++) randomInt(2);
}
