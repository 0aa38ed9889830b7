import { once } from 'node:events';
import * as fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { Hearth } from '../hearth.ts';
import { type Holdings, holdingsOf, partsOf } from '../holdings.ts';
import { type Call, type Called, Callers, type Fate } from './callers.ts';
import type { Recovery } from './recovery.ts';
import { Random } from './random.ts';
import { chooseVictims, ENDS_SERVER, kill, planVictims, type Victim } from './victims.ts';

/** What is killed, how often, and under which load. */
export interface KillOptions {
  kills: number;
  /** The same seed kills the same kinds in the same order. */
  seed: number;
  /** The `hearth` command; this workspace's where absent. */
  command?: string;
  /** Told now and then how far it is. */
  progress?: (text: string) => void;
}

/** One kill, and what it did to the callers. */
export interface Kill {
  readonly victim: Victim;
  /** Requests under way at that moment, by what became of them. */
  readonly waiting: Record<Fate, number>;
  /** Milliseconds until every function had answered a request that came after the kill, and after others that followed. */
  readonly recoveryMs: number;
}

export interface KillReport {
  kills: Kill[];
  /** What became of all requests of the run. */
  fates: Record<Fate, number>;
  /** What the service refused requests with, and how often. */
  refusals: Record<string, number>;
  /** Connections that ended without an answer though the server lived. */
  unexplained: string[];
  /** Requests that got no answer at all, or a wrong one: the first of them. */
  wronged: string[];
  /** Of the functions that were called: how many answer at the end. */
  working: number;
  functions: number;
  /** What was there after the server had ended in order; all empty where it cleaned up. */
  left: Holdings;
  /** What the servers wrote on stderr that speaks of a fault of their own. */
  faults: string[];
}

const ACCOUNTS = ['111111111111', '222222222222', '333333333333'];
const CODE: Record<string, string> = {
  quick: `export const handler = async (event) => event;`,
  waiting: `export const handler = async (event) => {
    await new Promise((resolve) => setTimeout(resolve, 40));
    return event;
  };`,
  busy: `export const handler = async (event) => {
    const end = performance.now() + 5;
    while (performance.now() < end);
    return event;
  };`,
};
const SETTINGS = { instances: 2, slots: 8, spares: 2, instanceMemoryMb: 1024, maxMemoryMb: 8192 };
const CONNECTIONS = 2;
/** Between two kills at most: some come while the last one's loss is being made good. */
const GAP_MS = 250;
/** A function that doesn't answer for so long after a kill will not. */
const RECOVERY_LIMIT_MS = 60_000;

/** Of JavaScript's own: nothing that is killed makes them. */
const FAULT = /TypeError|RangeError|ReferenceError|AssertionError|ERR_/;

const functions: Called[] = ACCOUNTS.flatMap((account) => Object.keys(CODE).map((name) => ({ account, name })));

/** A server that is killed piece by piece while it serves. */
class Run implements AsyncDisposable {
  readonly #options: KillOptions;
  readonly #random: Random;
  readonly #data: string;
  readonly #kills: { victim: Victim; waiting: Call[]; recovery: Recovery }[] = [];
  /** From the end of a server to when the next was ready. */
  readonly #absences: { from: number; to: number }[] = [];
  readonly #faults: string[] = [];
  #hearth: Hearth;

  constructor(options: KillOptions, data: string, hearth: Hearth) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#data = data;
    this.#hearth = hearth;
  }

  async run(): Promise<KillReport> {
    const { kills, progress } = this.#options;
    for (const { account, name } of functions) await this.#hearth.create(name, CODE[name]!, {}, account);
    const callers = new Callers(() => this.#hearth.port, functions, CONNECTIONS);
    try {
      await recovered(callers.recovery());
      for (const victim of planVictims(kills, this.#random)) {
        await pause(this.#random.next() * GAP_MS);
        await this.#kill(victim, callers);
        if (this.#kills.length % 50 === 0) progress?.(`${this.#kills.length} of ${kills} killed`);
      }
      await recovered(callers.recovery());
    } finally {
      await callers.stop();
    }
    const working = await this.#working();
    const left = await this.#stop();
    return {
      kills: await Promise.all(
        this.#kills.map(async ({ victim, waiting, recovery }) => ({
          victim,
          waiting: countFates(waiting),
          recoveryMs: await recovery.milliseconds,
        })),
      ),
      fates: callers.fates,
      refusals: Object.fromEntries(callers.refusals),
      unexplained: callers.resets.filter((call) => !this.#wasAbsent(call)).map(describeCall),
      wronged: callers.wronged.map(describeCall),
      working,
      functions: functions.length,
      left,
      faults: this.#faults,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hearth[Symbol.asyncDispose]();
  }

  async #kill(victim: Victim, callers: Callers): Promise<void> {
    const pids = chooseVictims(victim, this.#hearth.process.pid!, this.#random);
    const waiting = [...callers.inFlight];
    const from = performance.now();
    const recovery = callers.recovery();
    const exit = ENDS_SERVER.has(victim) ? once(this.#hearth.process, 'exit') : undefined;
    if (!kill(pids)) {
      // None of its kind is there: the last kill took it, and it is being made again.
      await recovered(recovery);
      return this.#kill(victim, callers);
    }
    this.#kills.push({ victim, waiting, recovery });
    if (exit !== undefined) {
      await exit;
      this.#note();
      this.#hearth = await start(this.#options, this.#data);
      this.#absences.push({ from, to: performance.now() });
    }
    // Half of them are made good before the next comes.
    if (this.#random.next() < 0.5) await recovered(recovery);
  }

  /** Whether the server ended while this call was under way. */
  #wasAbsent({ startedAt, endedAt }: Call): boolean {
    return this.#absences.some(({ from, to }) => startedAt <= to && endedAt >= from);
  }

  async #working(): Promise<number> {
    const answers = await Promise.allSettled(
      functions.map(({ account, name }) => this.#hearth.invoke(name, { after: 'all' }, account)),
    );
    return answers.filter((answer) => answer.status === 'fulfilled' && answer.value.payload?.after === 'all').length;
  }

  /** Ends the server in order. @returns what it has left. */
  async #stop(): Promise<Holdings> {
    // Every instance is whole: none has lost a part that was not replaced.
    await eventually(async () => {
      const { instances } = await this.#hearth.get('/_hearth/fleet');
      const { agents } = partsOf(this.#hearth.process.pid!);
      if (agents.length !== instances.length) throw new Error(`${agents.length} agents, ${instances.length} instances`);
    });
    const code = await this.#hearth.stop();
    if (code !== 0) this.#faults.push(`the server ended with code ${code}`);
    this.#note();
    const look = (): Holdings => holdingsOf(this.#hearth.dataDirectory);
    const isEmpty = (left: Holdings): boolean => Object.values(left).every((things) => things.length === 0);
    // The kernel removes an unmounted hierarchy of groups a moment later.
    for (let tries = 0; tries < 100 && !isEmpty(look()); tries++) await pause(50);
    return look();
  }

  #note(): void {
    const faults = this.#hearth.errors.split('\n').filter((line) => FAULT.test(line));
    this.#faults.push(...faults.slice(0, 10));
  }
}

function describeCall({ called: { account, name }, text, startedAt, endedAt }: Call): string {
  return `${name} of ${account}, ${Math.round(endedAt - startedAt)} ms: ${text}`;
}

async function recovered(recovery: Recovery): Promise<void> {
  const limit = AbortSignal.timeout(RECOVERY_LIMIT_MS);
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => {
      const names = recovery.missing.map(({ account, name }) => `${name} of ${account}`);
      reject(new Error(`no answer any more after ${RECOVERY_LIMIT_MS} ms: ${names.join(', ')}`));
    });
  });
  late.catch(() => undefined);
  await Promise.race([recovery.milliseconds, late]);
}

function start({ command }: KillOptions, data: string): Promise<Hearth> {
  return Hearth.start({ settings: SETTINGS, data, ...(command === undefined ? {} : { command }) });
}

/** Runs it on a server of its own, which is gone afterwards. @throws where a function doesn't answer any more. */
export async function killUnderLoad(options: KillOptions): Promise<KillReport> {
  const data = fs.mkdtempSync('/var/tmp/hearth-kills-');
  try {
    await using run = new Run(options, data, await start(options, data));
    return await run.run();
  } finally {
    fs.rmSync(data, { recursive: true, force: true });
  }
}

function countFates(calls: readonly Call[]): Record<Fate, number> {
  const counts: Record<Fate, number> = { answered: 0, failed: 0, refused: 0, reset: 0, wronged: 0 };
  for (const { fate } of calls) if (fate !== undefined) counts[fate]++;
  return counts;
}
