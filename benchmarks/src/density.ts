/** `density`: what idle sandboxes cost the machine, everything counted, and what a warm instance costs before it has any. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './client.ts';
import { createFunctions, freshNames } from './functions.ts';
import { Hearth } from './hearth.ts';
import { instanceReport, warmInstances } from './idle-instance.ts';
import { readMeminfo } from './machine.ts';
import { atLeast, type Benchmark, type Context, type Report } from './report.ts';
import { median } from './statistics.ts';

const EVENT = JSON.stringify({ message: 'hello' });
const FIELDS = [
  'MemAvailable',
  'AnonPages',
  'Slab',
  'SUnreclaim',
  'PageTables',
  'KernelStack',
  'Percpu',
  'Shmem',
  'Cached',
];
const GB = 2 ** 20;

/** Medians of `/proc/meminfo` in kB. */
type Memory = Record<string, number>;

interface Level {
  subject: string;
  sandboxes: number;
  memory: Memory;
}

export const density: Benchmark = {
  name: 'density',
  summary: 'memory of idle warm sandboxes and instances',
  async run(context: Context): Promise<Report> {
    const steps = context.quick ? [100, 300] : [300, 600, 1200];
    const total = steps.at(-1) ?? 0;
    const settle = context.quick ? 2000 : 5000;
    const instances = instanceReport(await warmInstances(context, settle));
    const empty = await measure(settle);
    const levels: Level[] = [];
    await usingHearth(context, total, async (hearth, names) => {
      // A server with all functions created and one of them called: what the first sandbox costs is the server's.
      levels.push({ subject: 'hearth', sandboxes: await idleSandboxes(hearth), memory: await measure(settle) });
      using client = new Client(4);
      for (const step of steps) {
        context.progress(`invoking functions up to ${step}`);
        const targets = names.splice(0, step - (total - names.length)).values();
        await Promise.all(
          Array.from({ length: 4 }, async () => {
            for (const name of targets) await client.echo(hearth.target(name, EVENT));
          }),
        );
        const memory = await measure(settle);
        const sandboxes = await idleSandboxes(hearth);
        if (sandboxes < step) context.progress(`only ${sandboxes} of ${step} sandboxes are still alive`);
        levels.push({ subject: 'hearth', sandboxes, memory });
      }
    });
    const processes = context.quick ? 20 : 60;
    context.progress(`starting ${processes} idle Node processes`);
    const emptyAgain = await measure(settle);
    levels.push({
      subject: 'spawn',
      sandboxes: processes,
      memory: await idleProcesses(processes, () => measure(settle)),
    });
    const sandboxes = report(empty, emptyAgain, levels);
    return {
      tables: [...sandboxes.tables, ...instances.tables],
      goals: [...sandboxes.goals, ...instances.goals],
      notes: [...sandboxes.notes, ...instances.notes],
      rounds: { sandboxes: sandboxes.rounds, instances: instances.rounds },
    };
  },
};

async function usingHearth(
  context: Context,
  count: number,
  use: (hearth: Hearth, names: string[]) => Promise<void>,
): Promise<void> {
  await using hearth = await Hearth.start({ command: context.hearth });
  context.progress(`creating ${count} functions`);
  const names = freshNames('density', count);
  await createFunctions(hearth.client(), names);
  await use(hearth, names);
}

/** Sandboxes of functions that the fleet says are alive and not executing. */
async function idleSandboxes(hearth: Hearth): Promise<number> {
  const { instances } = (await hearth.operator('fleet')) as { instances: { sandboxes: { state: string }[] }[] };
  return instances.flatMap(({ sandboxes }) => sandboxes).filter(({ state }) => state === 'idle').length;
}

/** Node processes that have each run the handler once and now wait: what one process per function costs. */
async function idleProcesses(count: number, look: () => Promise<Memory>): Promise<Memory> {
  const program = join(import.meta.dirname, '..', 'peers', 'idle.mjs');
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    return await look();
  } finally {
    await Promise.all(
      children.map(async (child) => {
        const ended = once(child, 'exit');
        child.disconnect();
        await ended;
      }),
    );
  }
}

/** Waits until the machine is quiet, then takes the medians of several samples, caches dropped where that is allowed. */
async function measure(settle: number): Promise<Memory> {
  await delay(settle);
  const samples: Memory[] = [];
  for (let sample = 0; sample < 5; sample++) {
    if (process.getuid?.() === 0) writeFileSync('/proc/sys/vm/drop_caches', '3');
    await delay(300);
    samples.push(readMeminfo());
  }
  return Object.fromEntries(FIELDS.map((field) => [field, median(samples.map((values) => values[field] ?? 0))]));
}

function report(empty: Memory, emptyAgain: Memory, levels: Level[]): Report {
  const used = ({ subject, memory }: Level): number =>
    ((subject === 'spawn' ? emptyAgain : empty)['MemAvailable'] ?? 0) - (memory['MemAvailable'] ?? 0);
  const hearth = levels.filter(({ subject }) => subject === 'hearth');
  const [first] = hearth;
  const last = hearth.at(-1);
  if (first === undefined || last === undefined) throw new Error('no level was measured');
  const marginal = (used(last) - used(first)) / (last.sandboxes - first.sandboxes);
  const driftMb = Math.round(((emptyAgain['MemAvailable'] ?? 0) - (empty['MemAvailable'] ?? 0)) / 1024);
  return {
    tables: [
      {
        title: 'Memory of the machine, MB more than without it',
        columns: ['', 'idle sandboxes', 'MB in all', 'KB each', 'sandboxes per GB'],
        rows: levels.map((level) => [
          level.subject === 'spawn' ? 'idle Node processes' : level.subject,
          level.sandboxes,
          used(level) / 1024,
          level.sandboxes === 0 ? null : used(level) / level.sandboxes,
          level.sandboxes === 0 ? null : level.sandboxes / (used(level) / GB),
        ]),
      },
      {
        title: `What it is, from ${first.sandboxes} to ${last.sandboxes} sandboxes; KB for each sandbox more`,
        columns: ['all', ...FIELDS.slice(1)],
        rows: [
          [
            marginal,
            ...FIELDS.slice(1).map(
              (field) => ((last.memory[field] ?? 0) - (first.memory[field] ?? 0)) / (last.sandboxes - first.sandboxes),
            ),
          ],
        ],
      },
    ],
    goals: [atLeast('idle sandboxes per GB, server included', 600, last.sandboxes / (used(last) / GB))],
    notes: [
      'MemAvailable, medians of five samples after the machine has settled and its caches are dropped; server, agents and kernel included.',
      'Each sandbox is of a different function that was called once; sandboxes are counted by the fleet, not assumed.',
      `What else runs on the machine is counted too: without Hearth, available memory changed by ${driftMb} MB from before to after.`,
    ],
    rounds: { empty, emptyAgain, levels },
  };
}
