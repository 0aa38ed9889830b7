/** The part of `density` that looks at instances nobody has used yet. */
import { setTimeout as delay } from 'node:timers/promises';
import { Hearth } from './hearth.ts';
import { type InstanceMemory, instanceMemory, type ProcessMemory } from './instance-memory.ts';
import { atMost, type Context, type Report } from './report.ts';
import { median } from './statistics.ts';

const LIMIT_MB = 25;
/** Boots take two seconds each on an idle machine. */
const TIMEOUT_MS = 60_000;

const KINDS: readonly (readonly [Exclude<keyof InstanceMemory, 'kernel'>, string])[] = [
  ['agent', 'agent'],
  ['zygotes', 'zygote'],
  ['spares', 'spares'],
  ['others', 'others'],
  ['all', 'all'],
];

/** The warm instances of a server that has just started, looked at once their number has not changed for `settle` ms. */
export async function warmInstances(context: Context, settle: number): Promise<InstanceMemory[]> {
  context.progress('waiting for warm instances');
  await using hearth = await Hearth.start({ command: context.hearth });
  let known = 0;
  for (let waited = 0; waited < TIMEOUT_MS; waited += settle) {
    await delay(settle);
    const warm = await warmOnes(hearth);
    if (warm.length > 0 && warm.length === known) return warm.map((id) => instanceMemory(hearth.pid, id));
    known = warm.length;
  }
  throw new Error('no warm instances came');
}

async function warmOnes(hearth: Hearth): Promise<string[]> {
  const { instances } = (await hearth.operator('fleet')) as { instances: { id: string; state: string }[] };
  return instances.filter(({ state }) => state === 'warm').map(({ id }) => id);
}

export function instanceReport(instances: readonly InstanceMemory[]): Report {
  const mb = (kB: readonly number[]): number => median(kB) / 1024;
  const rows = KINDS.map(([kind, name]) => {
    const of = (field: keyof ProcessMemory): number[] => instances.map((instance) => instance[kind][field]);
    return [name, median(of('processes')), mb(of('private')), mb(of('unique')), mb(of('proportional'))];
  });
  return {
    tables: [
      {
        title: 'Memory of an idle warm instance, MB',
        columns: ['', 'processes', 'private', 'of that alone', 'with its share of file pages'],
        rows: [...rows, ['kernel, charged to its group', null, mb(instances.map(({ kernel }) => kernel)), null, null]],
      },
    ],
    goals: [atMost('idle warm instance: private memory', LIMIT_MB, mb(instances.map(({ all }) => all.private)), ' MB')],
    notes: [
      'An idle warm instance: medians of those that a server has ready before anyone has used it. Private is what its end gives back: anonymous pages of all its processes, those that a zygote shares with its forks counted once, and file pages that nobody else has mapped. Programs and libraries, which all instances share, are not in it.',
      'What the kernel keeps for an instance stands beside it: slabs, page tables and stacks as charged to its group. Volumes and cables, made from outside of it, are not charged.',
    ],
    rounds: instances,
  };
}
