/** Control groups of the kernel this runs on, made below the machine's own and removed again. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Cgroup, cgroupAt, CGROUP_ROOT, CONTROLLERS } from '../index.ts';

/** Where the kernel offers a version, or why it can't be tested here. */
export function offered(version: 1 | 2): { root: string } | { lacks: string } {
  if (process.getuid?.() !== 0) return { lacks: 'only root may make control groups' };
  if (version === 2) {
    const root = fs.readFileSync('/proc/mounts', 'latin1').match(/^\S+ (\S+) cgroup2 rw/m)?.[1];
    return root === undefined ? { lacks: 'no control groups version 2 are mounted' } : { root };
  }
  const missing = CONTROLLERS.filter((name) => !fs.existsSync(join(CGROUP_ROOT, name, 'cgroup.procs')));
  return missing.length > 0 ? { lacks: `no version 1 of ${missing.join(', ')}` } : { root: CGROUP_ROOT };
}

/** Why limits can't be tested: beside version 1, version 2 has no controllers. */
export function lacksLimits(version: 1 | 2): string | false {
  const found = offered(version);
  if ('lacks' in found) return found.lacks;
  if (version === 1) return false;
  const controllers = fs.readFileSync(join(found.root, 'cgroup.controllers'), 'latin1').split(/\s+/);
  return controllers.includes('memory') ? false : 'version 1 has the controllers on this machine';
}

let made = 0;

/** A group of a test's own. Disposing ends what runs in it and removes it; so does the end of this process. */
export class RealGroup implements Disposable {
  readonly cgroup: Cgroup;
  // A test that is given up for its time is never disposed of.
  readonly #atExit = (): void => this[Symbol.dispose]();

  constructor(version: 1 | 2) {
    const found = offered(version);
    if ('lacks' in found) throw new Error(found.lacks);
    this.cgroup = childOf(cgroupAt(version, found.root), `hearth-test-${process.pid}-${made++}`);
    process.on('exit', this.#atExit);
    this.cgroup.make();
  }

  /** A group below, made. */
  below(...path: readonly string[]): Cgroup {
    const group = path.reduce(childOf, this.cgroup);
    group.make();
    return group;
  }

  /** Starts a command in a group and waits until it is in there. */
  async run(group: Cgroup, ...command: readonly string[]): Promise<RunningProcess> {
    const enter = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 > "$1"; shift; n=$((n-1)); done; echo in; exec "$@"';
    const entrances = group.entrances();
    const running = new RunningProcess(['-c', enter, 'sh', String(entrances.length), ...entrances, ...command]);
    const line = await running.line();
    if (line !== 'in') throw new Error(`could not enter ${group.directories.pids}`);
    return running;
  }

  /** Not by the group's own `kill`, `thaw` and `remove`, which may be what is broken. */
  [Symbol.dispose](): void {
    process.off('exit', this.#atExit);
    const [freezer, thawed] = this.cgroup.version === 1 ? ['freezer.state', 'THAWED'] : ['cgroup.freeze', '0'];
    for (const top of new Set(Object.values(this.cgroup.directories))) {
      for (const directory of leavesFirst(top)) {
        if (fs.existsSync(join(directory, freezer))) fs.writeFileSync(join(directory, freezer), thawed);
        // The kernel takes a moment to end them.
        while (endProcesses(directory) > 0);
      }
      for (const directory of leavesFirst(top)) fs.rmdirSync(directory);
    }
  }
}

export class RunningProcess {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #lines: AsyncIterator<string>;

  constructor(argv: readonly string[]) {
    this.process = spawn('sh', argv, { stdio: ['pipe', 'pipe', 'ignore'] });
    // A process that is killed while it is written to.
    this.process.stdin.on('error', () => {});
    this.ended = once(this.process, 'exit').then(([code, signal]) => ({ code, signal }));
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** The next line that it prints; undefined when it has ended. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Says something to a process that repeats what it hears. */
  async echo(text: string): Promise<string | undefined> {
    this.process.stdin.write(`${text}\n`);
    return this.line();
  }
}

function childOf(group: Cgroup, name: string): Cgroup {
  // `child` hands controllers down, which version 2 can't where version 1 has them.
  return lacksLimits(group.version) === false
    ? group.child(name)
    : cgroupAt(group.version, join(group.directories.memory, name));
}

/** A group's directory and those below; none where it is gone. */
function leavesFirst(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  const below = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap(({ name }) => leavesFirst(join(directory, name))), directory];
}

/** @returns how many there were. */
function endProcesses(directory: string): number {
  const pids = fs.readFileSync(join(directory, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return pids.length;
}
