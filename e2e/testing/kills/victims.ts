import { partsOf } from '../holdings.ts';
import type { Random } from './random.ts';

/** What is killed. The last three end the server. */
export type Victim = 'sandbox' | 'zygote' | 'agent' | 'spawner' | 'server' | 'server and spawner';

export const ENDS_SERVER: ReadonlySet<Victim> = new Set(['spawner', 'server', 'server and spawner']);

/** Of a hundred kills; the rest are sandboxes. A server that has to start again takes seconds: it is killed less often. */
const SHARES: readonly (readonly [Victim, number])[] = [
  ['zygote', 14],
  ['agent', 14],
  ['spawner', 2],
  ['server', 2],
  ['server and spawner', 1],
];

/** What is killed, in which order: each kind by its share, at least once. */
export function planVictims(kills: number, random: Random): Victim[] {
  const plan = SHARES.flatMap(([victim, share]): Victim[] =>
    Array.from({ length: Math.max(1, Math.round((share * kills) / 100)) }, () => victim),
  );
  while (plan.length < kills) plan.push('sandbox');
  for (let i = plan.length - 1; i > 0; i--) {
    const other = Math.floor(random.next() * (i + 1));
    [plan[i], plan[other]] = [plan[other]!, plan[i]!];
  }
  return plan;
}

/** The processes to kill; none where there is no such one now. */
export function chooseVictims(victim: Victim, serverPid: number, random: Random): number[] {
  const { server, spawner, agents, zygotes, sandboxes } = partsOf(serverPid);
  if (victim === 'server and spawner') return [spawner, server];
  const candidates = { sandbox: sandboxes, zygote: zygotes, agent: agents, spawner: [spawner], server: [server] }[
    victim
  ];
  const pid = random.pick(candidates);
  return pid === undefined ? [] : [pid];
}

/** @returns false where none of them lives any more. */
export function kill(pids: readonly number[]): boolean {
  return pids.map(killOne).some(Boolean);
}

function killOne(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself since it was found.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
