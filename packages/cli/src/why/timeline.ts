import { formatMilliseconds } from '../output/amounts.ts';
import type { InvocationRecord } from './record.ts';

/** Characters of the longest bar. */
const WIDTH = 36;

interface Phase {
  name: string;
  from: number;
  to: number;
}

/**
 * A line for each phase of an invocation, with a bar where it lay in the whole.
 *
 * @param untilMs since its arrival: where it ended, or how far it is.
 */
export function timeline(record: InvocationRecord, untilMs: number): string[] {
  const shown = phases(record, untilMs);
  const names = Math.max(...shown.map(({ name }) => name.length));
  const scale = untilMs > 0 ? WIDTH / untilMs : 0;
  return shown.map(({ name, from, to }) => {
    const start = Math.min(WIDTH - 1, Math.round(from * scale));
    const bar = '#'.repeat(Math.max(1, Math.min(WIDTH, Math.round(to * scale)) - start));
    const took = formatMilliseconds(to - from).padStart(9);
    return `${name.padEnd(names)}  ${took}  |${(' '.repeat(start) + bar).padEnd(WIDTH)}|`;
  });
}

function phases({ times, costs }: InvocationRecord, untilMs: number): Phase[] {
  const { placed, initialised, started, ended } = times;
  const all: Phase[] = [];
  const add = (name: string, from: number, to: number) => all.push({ name, from, to: Math.max(from, to) });
  // What the agent did lies between the decision and the sandbox's being there.
  const making = (costs.code ?? 0) + (costs.sandbox ?? 0);
  const decided = Math.max(0, (placed ?? untilMs) - making);
  add('to find a place', 0, placed === undefined ? untilMs : decided);
  if (placed === undefined) return all;
  if (making > 0) add('to make the sandbox', decided, placed);
  if (initialised !== undefined) add('to initialise', placed, initialised);
  else if (started === undefined) add('to initialise', placed, ended ?? untilMs);
  if (started !== undefined) add('to run', started, ended ?? untilMs);
  return all;
}
