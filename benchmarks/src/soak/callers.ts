import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../client.ts';
import type { Hearth } from '../hearth.ts';
import { zipOneFile } from '../zip.ts';
import type { SoakFunction } from './plan.ts';

/** Says which sandbox it ran in, and from when to when: milliseconds by the machine's monotonic clock, which sandboxes share. */
export const soakCode = zipOneFile(
  'index.mjs',
  `const now = () => Number(process.hrtime.bigint()) / 1e6;
export const handler = async ({ runMs }, { logStreamName }) => {
  const from = now();
  await new Promise((resolve) => setTimeout(resolve, runMs));
  return { sandbox: logStreamName, from, to: now() };
};
`,
);

/** One execution that was answered. */
export interface Execution {
  readonly called: SoakFunction;
  readonly sandbox: string;
  readonly from: number;
  readonly to: number;
}

/** How a call ended: `died` where its sandbox did, `throttled` with 429, `refused` with 5xx, `unanswered` where the connection ended. */
export type Fate = 'succeeded' | 'died' | 'throttled' | 'refused' | 'unanswered';

/** A function's sockets: enough for what is under way at once. */
const CONNECTIONS = 64;

/** Calls functions as the plan says. */
export class SoakCallers implements Disposable {
  readonly #hearth: Hearth;
  readonly #client = new Client(CONNECTIONS);
  readonly fates: Record<Fate, number> = { succeeded: 0, died: 0, throttled: 0, refused: 0, unanswered: 0 };
  /** Start paths of those that succeeded. */
  readonly paths = new Map<string, number>();
  readonly executions: Execution[] = [];
  /** Milliseconds that succeeded calls took beyond the run time of their function. */
  readonly added: number[] = [];
  /** What was answered that should not have been, the first of it. */
  readonly odd: string[] = [];

  constructor(hearth: Hearth) {
    this.#hearth = hearth;
  }

  /** The calls of one minute, spread evenly over it with an offset of each function's own. Resolves when all are answered. */
  async minute(functions: readonly SoakFunction[], minute: number, lengthMs: number): Promise<void> {
    await Promise.all(
      functions.map(async (called, index) => {
        const count = called.calls[minute] ?? 0;
        const gap = lengthMs / Math.max(1, count);
        await delay((gap * (index % 17)) / 17);
        const calls: Promise<void>[] = [];
        for (let call = 0; call < count; call++) {
          calls.push(this.#call(called));
          if (call + 1 < count) await delay(gap);
        }
        await Promise.all(calls);
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #call(called: SoakFunction): Promise<void> {
    const { name, account, runMs } = called;
    const target = this.#hearth.target(name, JSON.stringify({ runMs }), account);
    try {
      const { status, body, ms, startPath } = await this.#client.invoke(target);
      if (status === 429) return this.#note('throttled', called.limit === undefined ? `${name}: ${body}` : undefined);
      if (status !== 200) return this.#note('refused', `${name}: ${status} ${body}`);
      const { sandbox, from, to, errorType } = JSON.parse(body) as Execution & { errorType?: string };
      if (errorType !== undefined) return this.#note('died', errorType === 'Runtime.ExitError' ? undefined : body);
      this.#note('succeeded');
      this.executions.push({ called, sandbox, from, to });
      this.added.push(ms - (to - from));
      this.paths.set(startPath, (this.paths.get(startPath) ?? 0) + 1);
    } catch (error) {
      this.#note('unanswered', `${name}: ${String((error as Error).cause ?? error)}`);
    }
  }

  #note(fate: Fate, odd?: string): void {
    this.fates[fate]++;
    if (odd !== undefined && this.odd.length < 20) this.odd.push(odd.slice(0, 200));
  }
}

/** The most executions that ran at the same time. */
export function mostAtOnce(executions: readonly Execution[]): number {
  const steps = executions.flatMap(({ from, to }) => [
    { at: from, step: 1 },
    { at: to, step: -1 },
  ]);
  // Where one ends as another begins they did not overlap.
  steps.sort((a, b) => a.at - b.at || a.step - b.step);
  let running = 0;
  let most = 0;
  for (const { step } of steps) {
    running += step;
    most = Math.max(most, running);
  }
  return most;
}
