import { readlinkSync } from 'node:fs';
import { installClock, type RestartableClock } from './clock.ts';
import { SeededRandom } from './random.ts';

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
 * one zygote, or tell of the zygote, is made anew. Nothing can empty the caches that Node serves `crypto.randomUUID()` and
 * `crypto.randomInt()` from: a zygote must never have called them, nor may what it has loaded.
 *
 * @param seed of `Math.random`; given, because a generator in here takes half a millisecond to notice that it was forked.
 * @param pid of this process inside its own pid namespace; by default what `/proc` says.
 */
export function renewIdentity(seed: Buffer, pid: number = Number(readlinkSync('/proc/self'))): void {
  prepareIdentity();
  ownPid = pid;
  random!.reseed(seed);
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
