/**
 * How long placement takes to decide, in memory: `node decision-benchmark.ts FUNCTIONS ACCOUNTS INSTANCES ROUNDS`. Writes JSON, see {@link Result}.
 *
 * Half of what placement does is done before and after a request has its sandbox. So a decision here is the whole life of a request: it finds its
 * sandbox, lets go of it, and that is frozen, measured and counted anew; what was made for it is ended and counted out. The agents' answers are
 * part of it, what a sandbox does is not.
 */
import { testSpec } from '../../instances/testing/spec.ts';
import type { FunctionSpec } from '@hearth/protocol';
import type { Sandbox } from '../sandbox.ts';
import { LeanManager } from './lean-manager.ts';

/** Requests of each kind in a round. */
const MIX = { warm: 1_600, code: 200, room: 160, warming: 40 };
type Kind = keyof typeof MIX;
const KINDS = Object.keys(MIX) as Kind[];
/** Requests that execute at the same time. */
const AT_ONCE = 32;
const PER_INSTANCE = 10;
/** A prime: functions that are called equally often lie far apart. */
const SPREAD = 7_919;
const MEMORY_MB = 128;
/** Of an account's functions one in so many has no sandbox but has had one: its code lies on an instance. */
const COLD_ONE_IN = 10;

interface Result {
  functions: number;
  accounts: number;
  instances: number;
  /** By round: decisions a second, and microseconds of each by kind. */
  rounds: { perSecond: number; microseconds: Record<Kind, number> }[];
}

const [functions = 1_000, accounts = 100, instances = 10_000, rounds = 50] = process.argv.slice(2).map(Number);

const instanceMemoryMb = PER_INSTANCE * MEMORY_MB;
const lean = new LeanManager({
  instanceMemoryMb,
  warmInstances: instances,
  maxMemoryMb: 4 * instances * instanceMemoryMb,
});
const { clock, manager, capacity } = lean;

/** The same numbers in every run. */
let seed = 12_345;
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
  return seed % below;
}

/**
 * One of so many, the n-th with a probability in proportion to 1/n, dealt out over accounts and instances: few functions are called often, most hardly
 * ever (Shahrad et al., Serverless in the Wild, ATC 2020, where it is still more uneven).
 */
function popular(below: number): number {
  const rank = Math.floor((below + 1) ** (random(1 << 20) / (1 << 20))) - 1;
  return (rank * SPREAD) % below;
}

let revisions = 0;
function specOf(index: number, revision = 0, memoryMb = MEMORY_MB): FunctionSpec {
  return testSpec({
    account: String(100_000_000_000 + (index % accounts)),
    functionName: `function-${index}-${revision}`,
    memoryMb,
    code: { sha256: `${index}-${revision}-`.padEnd(64, 'f'), size: 1_000 },
  });
}

/** Requests that have no idle sandbox get new ones; resolves when all have theirs. */
async function place(specs: readonly FunctionSpec[]): Promise<Sandbox[]> {
  const placing = specs.map((spec) => lean.place(spec));
  lean.obey();
  return Promise.all(placing);
}

function release(sandboxes: readonly Sandbox[]): void {
  const now = clock.now();
  for (const sandbox of sandboxes) manager.release(sandbox, sandbox.lease, now);
}

function destroy(sandboxes: readonly Sandbox[]): void {
  for (const sandbox of sandboxes) manager.destroy(sandbox, 'its time is over');
  lean.obey();
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A round's requests of a kind. */
function requests(kind: Kind): FunctionSpec[] {
  return Array.from({ length: MIX[kind] }, () => {
    switch (kind) {
      case 'warm':
        return warm[popular(warm.length)]!;
      case 'code':
        return cold[random(cold.length)]!;
      case 'room':
        return specOf(random(functions), ++revisions);
      case 'warming':
        return specOf(random(accounts), -1, instanceMemoryMb - MEMORY_MB / 2);
    }
  });
}

function runWarm(specs: readonly FunctionSpec[]): void {
  for (let start = 0; start < specs.length; start += AT_ONCE) {
    const group: Sandbox[] = [];
    for (const spec of specs.slice(start, start + AT_ONCE)) {
      let sandbox = manager.takeIdle(spec);
      if (sandbox === undefined) {
        // Its only one executes already.
        release(group.splice(0));
        sandbox = manager.takeIdle(spec);
      }
      group.push(sandbox!);
    }
    release(group);
  }
  clock.advance(5);
}

/** @returns milliseconds. */
async function runCold(specs: readonly FunctionSpec[], kind: Kind): Promise<number> {
  let milliseconds = 0;
  for (let start = 0; start < specs.length; start += AT_ONCE) {
    const group = specs.slice(start, start + AT_ONCE);
    const placed = performance.now();
    const sandboxes = await place(group);
    milliseconds += performance.now() - placed;
    check(sandboxes, kind);
    sandboxes.forEach((sandbox) => lean.initialise(sandbox));
    const initialised = performance.now();
    release(sandboxes);
    clock.advance(5);
    destroy(sandboxes);
    milliseconds += performance.now() - initialised;
    if (kind !== 'warming') continue;
    for (const { instance } of sandboxes) await instance.instance[Symbol.asyncDispose]();
  }
  return milliseconds;
}

const REASONS: Record<Exclude<Kind, 'warm'>, RegExp> = {
  code: /has the code and room/,
  room: /no instance with the code has room/,
  warming: /one was warm/,
};

/** It was the step of the ladder that it was meant to be. */
function check(sandboxes: readonly Sandbox[], kind: Kind): void {
  for (const { reason } of sandboxes) {
    if (!REASONS[kind as 'code'].test(reason)) throw new Error(`${kind}, but placed because: ${reason}`);
  }
}

async function round(): Promise<Result['rounds'][number]> {
  const microseconds: Record<Kind, number> = { warm: 0, code: 0, room: 0, warming: 0 };
  let total = 0;
  for (const kind of KINDS) {
    const specs = requests(kind);
    let milliseconds = performance.now();
    if (kind === 'warm') {
      runWarm(specs);
      milliseconds = performance.now() - milliseconds;
    } else milliseconds = await runCold(specs, kind);
    total += milliseconds;
    microseconds[kind] = (milliseconds * 1000) / specs.length;
  }
  // What was taken from the warming pool is replaced.
  clock.advance(100);
  await settle();
  const count = KINDS.reduce((sum, kind) => sum + MIX[kind], 0);
  return { perSecond: count / (total / 1000), microseconds };
}

/** All instances full of sandboxes that execute; then they become idle, and those of some functions end. */
async function build(): Promise<void> {
  void capacity.start();
  await settle();
  const all: Sandbox[] = [];
  const firstOfCold: Sandbox[] = [];
  for (let made = 0; made < instances * PER_INSTANCE; made += functions) {
    const count = Math.min(functions, instances * PER_INSTANCE - made);
    const sandboxes = await place(known.slice(0, count));
    sandboxes.forEach((sandbox) => lean.initialise(sandbox));
    all.push(...sandboxes);
    firstOfCold.push(...sandboxes.filter(isCold));
  }
  release(all);
  clock.advance(5);
  destroy(firstOfCold);
  clock.advance(100);
  await settle();
}

const known = Array.from({ length: functions }, (_, index) => specOf(index));
const isCold = (_: unknown, index: number): boolean => Math.floor(index / accounts) % COLD_ONE_IN === 0;
const cold = known.filter(isCold);
const warm = known.filter((_, index) => !isCold(_, index));
await build();

const result: Result = { functions, accounts, instances: [...manager.instances].length, rounds: [] };
for (let warmUp = 0; warmUp < 10; warmUp++) await round();
for (let count = 0; count < rounds; count++) result.rounds.push(await round());
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
