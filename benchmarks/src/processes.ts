import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine; `startTime` (clock ticks since boot) tells it from a later one with the same id. */
interface ProcessEntry {
  pid: number;
  parent: number;
  startTime: string;
  command: string;
}

/** Every process that this one may see, those inside nested pid namespaces included. */
function listProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const entry = readProcess(Number(name));
      return entry === undefined ? [] : [entry];
    });
}

/** The process `pid` from `/proc/PID/stat`, see proc_pid_stat(5); undefined if there is none, or only its remains. */
function readProcess(pid: number): ProcessEntry | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It ended between the listing and the read.
    return undefined;
  }
  // The command stands in brackets and may itself hold brackets and spaces.
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  if (fields[0] === 'Z') return undefined;
  return {
    pid,
    parent: Number(fields[1]),
    startTime: fields[19] ?? '',
    command: stat.slice(stat.indexOf('(') + 1, end),
  };
}

/** `root` and all its children's children, as far as they still hang together. */
export function descendants(root: number): ProcessEntry[] {
  const all = listProcesses();
  const found = all.filter((entry) => entry.pid === root);
  for (const ancestor of found) found.push(...all.filter((entry) => entry.parent === ancestor.pid));
  return found;
}

/** Those of `entries` that are still alive. */
export function survivors(entries: readonly ProcessEntry[]): ProcessEntry[] {
  return entries.filter((entry) => readProcess(entry.pid)?.startTime === entry.startTime);
}
